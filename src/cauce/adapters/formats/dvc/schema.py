"""Which sections and options `.dvc/config` may have, and what their values look like."""

import difflib
import re
from collections.abc import Mapping

Kinds = Mapping[str, str | tuple[str, ...]]
"""Option -> `text`, `truth`, `count` (1 or more), `whole`, `number`, `links`, or the words that
are allowed."""


def _kinds(text: str = "", **others: str) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = dict.fromkeys(text.split(), "text")
    for kind, names in others.items():
        found |= dict.fromkeys(names.split(), kind)
    return found


_LINKS: Kinds = {
    **_kinds(truth="protected slow_link_warning verify", links="type"),
    "shared": ("group",),
}
_ANY = _kinds("url", count="checksum_jobs jobs", truth="worktree no_traverse version_aware")
_ALL = {**_ANY, "verify": "truth"}
_HTTP: Kinds = {
    **_kinds("custom_auth_header user password ssl_verify method", truth="ask_password"),
    **_kinds(number="connect_timeout read_timeout"),
    "auth": ("basic", "digest", "custom"),
}
_WEBDAV = _kinds(
    "user password token bearer_token_command custom_auth_header cert_path key_path ssl_verify",
    truth="ask_password",
    whole="timeout",
)

SECTIONS: Mapping[str, Kinds] = {
    "core": _kinds(
        "remote site_cache_dir machine",
        count="checksum_jobs",
        truth="interactive analytics hardlink_lock no_scm autostage experiments check_update",
    ),
    "cache": {**_LINKS, **_kinds("local s3 gs hdfs webhdfs ssh azure dir")},
    "state": _kinds("dir", count="row_limit", whole="row_cleanup_quota"),
    "index": _kinds("dir"),
    "feature": _kinds(truth="machine"),
    "plots": _kinds("html_template out_dir", truth="auto_open"),
    "exp": _kinds("code data models metrics params plots live git_remote", truth="auto_push"),
    "parsing": {"bool": ("store_true", "boolean_optional"), "list": ("nargs", "append")},
    "hydra": _kinds("config_dir config_module config_name plugins_path", truth="enabled"),
    "studio": _kinds("token url repo_url", truth="offline"),
}
"""Plain sections. `machine "x"` and `db "x"` take any option."""

REMOTES: Mapping[str, Kinds] = {
    "": {**_LINKS, **_ALL},
    "s3": {
        **_ALL,
        **_kinds(
            "region profile credentialpath configpath endpointurl access_key_id secret_access_key "
            "session_token ssl_verify sse sse_kms_key_id sse_customer_algorithm sse_customer_key "
            "acl grant_read grant_read_acp grant_write_acp grant_full_control cache_regions",
            truth="listobjects use_ssl allow_anonymous_login",
            whole="read_timeout connect_timeout",
        ),
    },
    "gs": {
        **_ALL,
        **_kinds("projectname credentialpath endpointurl", truth="allow_anonymous_login"),
    },
    "ssh": {
        **_ALL,
        **_kinds(
            "user password passphrase keyfile",
            truth="ask_password ask_passphrase gss_auth allow_agent",
            whole="port timeout max_sessions",
            links="type",
        ),
    },
    "hdfs": {**_ANY, **_kinds("user kerb_ticket", whole="replication")},
    "webhdfs": {
        **_ALL,
        **_kinds(
            "kerberos_principal proxy_to ssl_verify token user password data_proxy_target",
            truth="kerberos use_https",
        ),
    },
    "azure": {
        **_ALL,
        **_kinds(
            "connection_string sas_token account_name account_key tenant_id client_id "
            "client_secret",
            truth="allow_anonymous_login exclude_environment_credential "
            "exclude_visual_studio_code_credential exclude_shared_token_cache_credential "
            "exclude_managed_identity_credential",
            whole="timeout read_timeout connection_timeout",
        ),
    },
    "oss": {**_ALL, **_kinds("oss_key_id oss_key_secret oss_endpoint")},
    "gdrive": {
        **_ALL,
        **_kinds(
            "profile gdrive_client_id gdrive_client_secret gdrive_user_credentials_file "
            "gdrive_service_account_user_email gdrive_service_account_json_file_path",
            truth="gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse",
        ),
    },
    "http": {**_ALL, **_HTTP},
    "https": {**_ALL, **_HTTP},
    "webdav": {**_ALL, **_WEBDAV},
    "webdavs": {**_ALL, **_WEBDAV},
}
"""Options of a remote by the scheme of its url; "" is a folder. `remote://` takes any option."""

PATHS = frozenset(
    "url gdrive_user_credentials_file gdrive_service_account_json_file_path credentialpath keyfile "
    "cert_path key_path".split()
)
"""Options of a remote that are paths where they have no scheme."""

NAMED = ("remote", "machine", "db")
"""Sections that stand for several things by name, in the order in which they are written."""

_NAME = re.compile(r'(remote|machine|db)\s*"(.*)"\Z')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]*)?\Z")
_LINK_TYPES = ("reflink", "hardlink", "symlink", "copy")


def split(section: str) -> tuple[str, str]:
    """Take `remote "name"` apart; a plain section has no name."""
    found = _NAME.match(section)
    return (found[1], found[2]) if found else (section, "")


def scheme(url: str) -> str:
    """Give the scheme of a url in lower case, empty for a path."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def known(kind: str, url: str = "") -> Kinds | None:
    """Give the options of a section.

    Args:
        kind: Section, without the name of what it is about.
        url: Url of the remote that it is about.

    Returns:
        Option -> what its value is; None where any is allowed.

    Raises:
        LookupError: There is no such section.
    """
    if kind == "remote":
        if not url:
            return {key: item for kinds in REMOTES.values() for key, item in kinds.items()}
        return REMOTES.get(scheme(url))
    return None if kind in NAMED else SECTIONS[kind]


def fault(kinds: Kinds | None, option: str, value: str) -> str:
    """Say what is wrong with an option; empty when nothing is."""
    if kinds is None:
        return ""
    kind = kinds.get(option)
    if kind is None:
        near = difflib.get_close_matches(option, kinds, n=1, cutoff=0.6)
        return f"there is no option {option!r}" + (f", did you mean {near[0]}?" if near else "")
    if kind == "links":
        odd = [it for it in re.split(r"\s*,\s*", value) if it not in _LINK_TYPES]
        return f"{odd[0]!r} is none of {', '.join(_LINK_TYPES)}" if odd else ""
    if isinstance(kind, tuple):
        return "" if value.lower() in kind else f"{value!r} is none of {', '.join(kind)}"
    if _fits(kind, value):
        return ""
    wanted = {
        "truth": "true or false",
        "count": "a whole number of 1 or more",
        "number": "a number",
    }
    return f"{value!r} is not {wanted.get(kind, 'a whole number')}"


def _fits(kind: str, value: str) -> bool:
    if kind == "truth":
        return value.lower() in {"true", "false"}
    if kind == "number":
        return bool(_NUMBER.match(value))
    if kind in {"count", "whole"}:
        return bool(_WHOLE.match(value)) and (kind == "whole" or int(value) >= 1)
    return True
