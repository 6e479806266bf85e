"""Buckets of S3, Google and Azure as obstore opens them, with the options that DVC's remotes have.

A remote of `.dvc/config` brings its options; the setting `objects` is opened from `s3.*`. What an
option cannot be translated into is an error, never passed over.
"""

import configparser
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from obstore.store import AzureStore, GCSStore, S3Store

from cauce.errors import Invalid, Unsupported
from cauce.kernel.config import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Bucket = S3Store | GCSStore | AzureStore
Options = Mapping[str, str]

SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs", "azure": "azure", "az": "azure"}

_PLAIN = frozenset("url jobs checksum_jobs worktree version_aware verify remote".split())
"""Options that say nothing of how to reach the bucket."""

_S3 = {
    "region": "region",
    "endpointurl": "endpoint",
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
    "sse": "server_side_encryption",
    "sse_kms_key_id": "sse_kms_key_id",
}
_GS = {"credentialpath": "service_account", "endpointurl": "base_url"}
_AZURE = {
    "account_name": "account_name",
    "account_key": "account_key",
    "sas_token": "sas_key",
    "tenant_id": "tenant_id",
    "client_id": "client_id",
    "client_secret": "client_secret",
}
_CLIENT = frozenset("use_ssl ssl_verify connect_timeout read_timeout allow_anonymous_login".split())
_OWN = {
    "s3": frozenset({"profile", "credentialpath", "configpath"}),
    "gs": frozenset({"projectname"}),
    "azure": frozenset(
        "connection_string exclude_environment_credential exclude_visual_studio_code_credential "
        "exclude_shared_token_cache_credential exclude_managed_identity_credential".split()
    ),
}
_MAPS = {"s3": _S3, "gs": _GS, "azure": _AZURE}

RETRY: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "base": 2},
}


def connect(url: str, settings: Settings, options: Options | None = None) -> Bucket:
    """Open the bucket that `s3://`, `gs://` or `azure://` names; nothing is sent yet.

    Args:
        url: Scheme, bucket or container, and a prefix.
        settings: Where `s3.*` come from when there are no options.
        options: Those of a remote in `.dvc/config`; None: by the settings.

    Raises:
        Invalid: The url names no bucket, or a value is of the wrong form.
        Unsupported: An option has no counterpart here.
    """
    parts = urlsplit(url)
    kind = SCHEMES.get(parts.scheme, "")
    if not kind or not parts.netloc:
        raise Invalid(f"{url!r} names no bucket", hint=f"write {parts.scheme}://BUCKET/PREFIX")
    given = _from_settings(settings) if options is None else dict(options)
    _require_known(kind, given)
    connection = client(given)
    config: dict[str, Any] = {
        name: given[option] for option, name in _MAPS[kind].items() if given.get(option)
    }
    if _flag(given, "allow_anonymous_login", default=False):
        config["skip_signature"] = True
    prefix = unquote(parts.path).strip("/") or None
    common: Any = {"prefix": prefix, "client_options": connection, "retry_config": RETRY}
    if kind == "s3":
        return S3Store(parts.netloc, config=_aws(config, given), **common)  # type: ignore[arg-type]
    if kind == "gs":
        return GCSStore(parts.netloc, config=config, **common)  # type: ignore[arg-type]
    config |= _connection_string(given.get("connection_string", ""))
    return AzureStore(parts.netloc, config=config, **common)  # type: ignore[arg-type]


def _from_settings(settings: Settings) -> dict[str, str]:
    """Give the settings `s3.*` as the options of a remote."""
    return {
        "region": settings["s3.region"],
        "endpointurl": settings["s3.endpoint"],
        "use_ssl": "false" if settings["s3.allow_http"] else "true",
    }


def _require_known(kind: str, given: Options) -> None:
    """Refuse options that would be passed over: access and encryption must not be guessed."""
    known = _PLAIN | _CLIENT | _OWN[kind] | _MAPS[kind].keys()
    unknown = sorted(given.keys() - known)
    if unknown:
        raise Unsupported(
            f"the option {unknown[0]} of a remote on {kind} is not spoken here",
            hint="use `dvc push` and `dvc pull` for this remote, or take the option out",
        )


def client(given: Options) -> "ClientConfig":
    """Translate the options of the connection."""
    found: ClientConfig = {
        "connect_timeout": f"{_seconds(given, 'connect_timeout', 5)}s",
        "timeout": "1day",  # of a whole body; the default of 30 s would cut large files
    }
    # The time without a byte, after which an answer counts as lost.
    found["read_timeout"] = f"{_seconds(given, 'read_timeout', 60)}s"
    plain = given.get("endpointurl", "").startswith("http://")
    if not _flag(given, "use_ssl", default=True) or (plain and "use_ssl" not in given):
        found["allow_http"] = True
    verify = given.get("ssl_verify", "true")
    if verify.lower() == "false":
        found["allow_invalid_certificates"] = True
    elif verify.lower() != "true":
        raise Unsupported(
            f"ssl_verify = {verify} names a file of certificates, which is not spoken here",
            hint="give it to the system, or by the variable SSL_CERT_FILE",
        )
    return found


def _aws(config: dict[str, Any], given: Options) -> dict[str, Any]:
    """Fill keys and region in: options first, then a named profile, the environment, the files."""
    named = given.get("profile", "")
    keys = _profile(given, named or os.environ.get("AWS_PROFILE", "") or "default")
    if named and not keys:
        raise Invalid(
            f"no profile {named!r} with keys in the credentials file of AWS",
            hint="profiles that log in elsewhere are not spoken here; give keys",
        )
    ours = "access_key_id" in config
    if not ours and (named or not os.environ.get("AWS_ACCESS_KEY_ID")):
        wanted = ("access_key_id", "secret_access_key", "session_token")
        config |= {name: keys[f"aws_{name}"] for name in wanted if f"aws_{name}" in keys}
    if "region" not in config:
        told = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        config["region"] = told or keys.get("region") or "us-east-1"
    return config


def _profile(given: Options, name: str) -> dict[str, str]:
    """Read a profile of the two files that AWS's own tools keep."""
    env, home = os.environ, Path.home() / ".aws"
    files = (
        (given.get("configpath") or env.get("AWS_CONFIG_FILE") or home / "config", "profile "),
        (
            given.get("credentialpath")
            or env.get("AWS_SHARED_CREDENTIALS_FILE")
            or home / "credentials",
            "",
        ),
    )
    found: dict[str, str] = {}
    for path, before in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(Path(path).expanduser(), encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            said = str(error).partition("\n")[0]
            raise Invalid(f"{path} cannot be read as AWS's settings: {said}") from error
        section = name if name == "default" or not before else f"{before}{name}"
        if parser.has_section(section):
            found |= dict(parser.items(section))
    return found


def _connection_string(text: str) -> dict[str, Any]:
    """Take Azure's connection string apart."""
    if not text:
        return {}
    pairs = dict(part.partition("=")[::2] for part in text.split(";") if part)
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "SharedAccessSignature": "sas_key",
        "BlobEndpoint": "endpoint",
    }
    return {name: pairs[key] for key, name in names.items() if pairs.get(key)}


def _flag(given: Options, name: str, *, default: bool) -> bool:
    text = given.get(name, "").lower()
    if text not in {"", "true", "false"}:
        raise Invalid(f"{name} = {text} is not true or false", hint="correct it in .dvc/config")
    return default if not text else text == "true"


def _seconds(given: Options, name: str, default: int) -> float:
    text = given.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise Invalid(f"{name} = {text} is no number of seconds") from None
