"""In whose name the mails are."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.apps.mailing.addresses import BadAddressError, checked_address

_DARK, _LIGHT = "#10151d", "#ffffff"


@dataclass(frozen=True, slots=True)
class Brand:
    """What stands in every mail; an empty text is left out."""

    name: str = ""
    color: str = "#1d4ed8"
    contact: str = ""
    change_url: str = ""

    @property
    def on_color(self) -> str:
        """The colour of a text that can be read on `color`: whichever differs more from it."""
        lightness = _lightness(self.color)
        on_light = (lightness + 0.05) / (_lightness(_DARK) + 0.05)
        return _DARK if on_light > 1.05 / (lightness + 0.05) else _LIGHT

    @property
    def contact_link(self) -> str:
        """Where the contact leads, if it is an address or a page."""
        if self.contact.startswith("https://"):
            return self.contact
        try:
            return f"mailto:{checked_address(self.contact)}"
        except BadAddressError:
            return ""


def _lightness(color: str) -> float:
    """From 0, black, to 1: the relative luminance of WCAG."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
