"""Where the users come from, as the settings say."""

from __future__ import annotations

import re

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.making import columns_from, is_sample, users_url
from cronfleet.apps.password_expiry.users.directory.connecting import Directory, Login
from cronfleet.apps.password_expiry.users.directory.entries import Attributes, Kind
from cronfleet.apps.password_expiry.users.directory.users import DirectoryUsers, Where
from cronfleet.apps.password_expiry.users.source import Divisible, UserSource, undivided
from cronfleet.apps.password_expiry.users.table import UserTable
from cronfleet.config import Settings, revealed
from cronfleet.errors import ConfigurationError

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)
# No user of the real notices is among the made-up ones: these would end them, and delete the old.
_WITHOUT_USERS = (
    "NOTICES_DATABASE_URL without USERS_DATABASE_URL: made-up users are noted in a file of their own "
    "alone. Set USERS_DATABASE_URL to your users, or leave NOTICES_DATABASE_URL out; users of a source "
    "of your own are mailed by its program, and with `cronfleet trigger password-expiry`"
)
_PERSONS: dict[Kind, str] = {
    "openldap": "(objectClass=person)",
    "activedirectory": "(&(objectCategory=person)(objectClass=user))",
}
_NOT_THERE = (
    "users_password_changed_column",
    "users_password_expires_column",
    "users_max_age_days_column",
)


def source_from(settings: Settings) -> UserSource:
    """The users that the settings name, or made-up ones. Blocks; raises `ConfigurationError`."""
    if settings.users_ldap_url:
        return directory_from(settings)
    url, named_by = users_url(settings)
    return UserTable(Database(url, named_by, writes=False), columns_from(settings))


def check_sources(settings: Settings, own: UserSource | None) -> None:
    """Refuse settings that do not fit together. Raises `ConfigurationError`."""
    others = [
        name
        for name, is_set in (
            ("a source of your own", own is not None),
            ("USERS_LDAP_URL", settings.users_ldap_url is not None),
            ("USERS_DATABASE_URL", settings.users_database_url is not None),
        )
        if is_set
    ]
    if len(others) > 1:
        raise ConfigurationError(
            f"{' and '.join(others)}: the users come from one of them, not both"
        )
    if others and others != ["USERS_DATABASE_URL"] and settings.notices_database_url is None:
        raise ConfigurationError(
            f"NOTICES_DATABASE_URL: set it to a database; with {others[0]}, who was mailed cannot be "
            "noted beside the users"
        )
    if own is None and is_sample(settings) and settings.notices_database_url:
        raise ConfigurationError(_WITHOUT_USERS)
    if settings.users_ldap_url:
        _check_directory(settings)
    if settings.users_shards > 1:
        _check_divisible(settings, own)


def directory_from(settings: Settings) -> DirectoryUsers:
    """Raises `ConfigurationError`."""
    _check_directory(settings)
    kind: Kind = settings.users_ldap_kind
    login = Login(settings.users_ldap_bind_dn, revealed(settings.users_ldap_password))
    directory = Directory(settings.users_ldap_url or "", login, settings.users_ldap_ca_file)
    where = Where(settings.users_ldap_base or "", settings.users_ldap_filter or _PERSONS[kind])
    return DirectoryUsers(directory, where, _attributes_from(settings), kind)


def _check_divisible(settings: Settings, own: UserSource | None) -> None:
    if settings.users_ldap_url:
        raise ConfigurationError(undivided("a directory"))
    if own is not None and not isinstance(own, Divisible):
        raise ConfigurationError(undivided(own.shown))


def _check_directory(settings: Settings) -> None:
    if not settings.users_ldap_base:
        raise ConfigurationError(
            "USERS_LDAP_BASE: set it to the entry that the users are below, as in "
            "ou=people,dc=example,dc=com"
        )
    if (settings.users_ldap_bind_dn is None) != (settings.users_ldap_password is None):
        raise ConfigurationError("USERS_LDAP_BIND_DN and USERS_LDAP_PASSWORD: set both, or neither")
    given = settings.users_ldap_filter
    if given and not (given.startswith("(") and given.endswith(")")):
        raise ConfigurationError(
            f"USERS_LDAP_FILTER {given!r}: write a filter in brackets, as in (objectClass=person)"
        )
    named = [name for name in _NOT_THERE if name in settings.model_fields_set]
    if named and settings.users_ldap_kind == "activedirectory":
        raise ConfigurationError(
            f"{named[0].upper()}: Active Directory says itself when passwords expire; leave it out"
        )


def _attributes_from(settings: Settings) -> Attributes:
    """Those of the kind, but for what the settings name."""
    kind = settings.users_ldap_kind
    ours = Attributes("objectGUID", date="pwdLastSet")
    if kind == "openldap":
        ours = Attributes("entryUUID", name="cn")
    columns, named = columns_from(settings), settings.model_fields_set
    is_dated = named & {"users_password_changed_column", "users_password_expires_column"}
    attributes = Attributes(
        id=columns.id if "users_id_column" in named else ours.id,
        email=columns.email if "users_email_column" in named else ours.email,
        name=columns.name if "users_name_column" in named else ours.name,
        date=columns.date if is_dated else ours.date,
        options=columns.options,
    )
    for setting, attribute in attributes.named.items():
        if not _ATTRIBUTE.fullmatch(attribute):
            raise ConfigurationError(f"{setting} {attribute!r}: write the name of an attribute")
    return attributes
