"""Connections to a directory: verified, read only, with an end to all waiting."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cronfleet.apps.password_expiry.databases.databases import DatabaseError
from cronfleet.errors import ConfigurationError
from cronfleet.masking import without_secrets

SETTING = "USERS_LDAP_URL"

_CONNECT_S, _ANSWER_S = 10, 60
# A server that says one of these is up: to wait for it would not help.
_REFUSALS = (
    "LDAPAuthMethodNotSupportedResult",
    "LDAPCertificateError",
    "LDAPConfidentialityRequiredResult",
    "LDAPInappropriateAuthenticationResult",
    "LDAPInsufficientAccessRightsResult",
    "LDAPInvalidCredentialsResult",
    "LDAPInvalidDNSyntaxResult",
    "LDAPInvalidFilterError",
    "LDAPNoSuchObjectResult",
    "LDAPProtocolErrorResult",
    "LDAPStartTLSError",
    "LDAPStrongerAuthRequiredResult",
    "LDAPUnwillingToPerformResult",
)
_ADVICE = {
    "LDAPInvalidCredentialsResult": "; check USERS_LDAP_BIND_DN and USERS_LDAP_PASSWORD",
    "LDAPInvalidDNSyntaxResult": "; check USERS_LDAP_BASE and USERS_LDAP_BIND_DN",
    "LDAPInvalidFilterError": "; check USERS_LDAP_FILTER",
    "LDAPNoSuchObjectResult": "; check USERS_LDAP_BASE",
}
_CUT_SHORT = {"sizeLimitExceeded": "; let this login read more entries, page by page"}
_UNVERIFIED = "certificate verify failed"


@dataclass(frozen=True, slots=True)
class Login:
    """Who reads: a name, as a DN or as the directory takes it, and a password; None: nobody."""

    name: str | None = None
    password: str | None = None


class Directory:
    """A directory by its URL: `ldaps://`, or `ldap://`, which begins with StartTLS.

    Only to this machine itself a connection may do without. Raises `ConfigurationError`.
    """

    def __init__(self, url: str, login: Login, ca_file: Path | None = None) -> None:
        found = urlsplit(url)
        self.shown = url
        self._host = found.hostname or ""
        self._port = found.port
        self._is_tls = found.scheme == "ldaps"
        self._login = login
        self._ca_file = ca_file
        self._ldap3 = _library()
        if ca_file is not None and not ca_file.is_file():
            raise ConfigurationError(f"USERS_LDAP_CA_FILE {ca_file}: there is no such file")

    @contextmanager
    def asked(self, about: str = "") -> Generator[None]:
        """Whatever fails in the block is a `DatabaseError`."""
        try:
            yield
        except self._ldap3.core.exceptions.LDAPException as error:
            name = type(error).__name__
            said = about + _in_words(error) + _ADVICE.get(name, "")
            refuses = name in _REFUSALS or _UNVERIFIED in said
            raise self._error(said, refuses=refuses) from error
        except OSError as error:
            raise self._error(str(error), refuses=False) from error

    def has_ended(self, error: DatabaseError) -> bool:
        """Whether it was the connection alone that failed: another one may do."""
        exceptions = self._ldap3.core.exceptions
        lost = (exceptions.LDAPCommunicationError, exceptions.LDAPUnavailableResult, OSError)
        return isinstance(error.__cause__, lost)

    def has_no_such(self, error: DatabaseError) -> bool:
        """Whether there is no such entry, or none that may be read."""
        exceptions = self._ldap3.core.exceptions
        return isinstance(
            error.__cause__,
            (
                exceptions.LDAPInsufficientAccessRightsResult,
                exceptions.LDAPInvalidDNSyntaxResult,
                exceptions.LDAPNoSuchObjectResult,
            ),
        )

    def connected(self, *, with_schema: bool = False) -> Any:
        """A connection that is let in. Raises `DatabaseError`."""
        ldap3 = self._ldap3
        server = ldap3.Server(
            self._host,
            port=self._port,
            use_ssl=self._is_tls,
            tls=self._tls(),
            connect_timeout=_CONNECT_S,
            get_info=ldap3.SCHEMA if with_schema else ldap3.NONE,
            mode=ldap3.IP_V4_PREFERRED,
        )
        connection = ldap3.Connection(
            server,
            user=self._login.name,
            password=self._login.password,
            # Another server would be given the password.
            auto_referrals=False,
            # What is stored comes as it stands, whatever the schema says of it.
            check_names=False,
            read_only=True,
            raise_exceptions=True,
            receive_timeout=_ANSWER_S,
        )
        try:
            with self.asked():
                self._let_in(connection)
        except BaseException:
            self.part_from(connection)
            raise
        return connection

    def _let_in(self, connection: Any) -> None:
        connection.open(read_server_info=False)
        # The password goes only over what is verified.
        if not (self._is_tls or _is_this_machine(self._host)):
            self._start_tls(connection)
        if not connection.bind(read_server_info=True):
            raise self._error("the login was refused", refuses=True)

    def _start_tls(self, connection: Any) -> None:
        with self.asked("StartTLS: "):
            has_started = connection.start_tls(read_server_info=False)
        if not has_started:
            raise self._error("StartTLS was refused", refuses=True)

    def part_from(self, connection: Any) -> None:
        """End it, in whatever state it is."""
        socket = connection.socket
        with suppress(DatabaseError), self.asked():
            connection.unbind()
        if socket is not None:  # One that was never let in is left open by the library.
            socket.close()

    def check(self, result: Mapping[str, Any]) -> None:
        """Refuse what is no whole answer, such as the first entries of too many."""
        if result["result"] != 0:
            said = str(result["description"])
            raise self._error(said + _CUT_SHORT.get(said, ""), refuses=True)

    def _tls(self) -> Any:
        """Verified by Python itself, name and all: the library would do that in its own way."""
        context = ssl.create_default_context(cafile=self._ca_file)
        host = self._host

        def wrap_socket(_: object, connection: Any, do_handshake: bool = False) -> None:
            connection.socket = context.wrap_socket(
                connection.socket, server_hostname=host, do_handshake_on_connect=do_handshake
            )

        return type("Verified", (self._ldap3.Tls,), {"wrap_socket": wrap_socket})()

    def _error(self, said: str, *, refuses: bool) -> DatabaseError:
        secrets = [self._login.password] if self._login.password else []
        line = " ".join(without_secrets(said, secrets).split())
        return DatabaseError(f"{SETTING} {self.shown}: {line}", refuses=refuses)


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # It still asks a library of its own for names that are going to be others.
            warnings.simplefilter("ignore", DeprecationWarning)
            import ldap3
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"{SETTING} needs a library that is not installed: pip install 'cronfleet[ldap]'"
        ) from None
    return ldap3


def _in_words(error: Any) -> str:
    """What the server said, without the library's own bookkeeping."""
    description = getattr(error, "description", None)
    if not description:
        return str(error)
    return f"{description}: {error.message}" if error.message else str(description)


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
