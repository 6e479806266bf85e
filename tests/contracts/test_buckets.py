"""Options of a remote on their way to the library: nothing is sent."""

import pytest

from cauce.adapters.stores import buckets
from cauce.errors import Invalid, Unsupported
from cauce.kernel import config

KEY = "a2V5"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return config.load(tmp_path, {})


def aws(settings, tmp_path, **options):
    return buckets.connect("s3://bucket/a%20b", settings, options).config


def test_keys_come_from_options_then_the_profile_then_the_files(settings, tmp_path, monkeypatch):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = D\n"
        "[team]\naws_access_key_id = t\naws_secret_access_key = T\n"
    )
    (tmp_path / ".aws" / "config").write_text("[profile team]\nregion = eu-west-3\n")
    assert aws(settings, tmp_path)["access_key_id"] == "d"
    found = aws(settings, tmp_path, profile="team")
    assert (found["access_key_id"], found["region"]) == ("t", "eu-west-3")
    found = aws(settings, tmp_path, profile="team", access_key_id="o", secret_access_key="O")
    assert found["access_key_id"] == "o"
    with pytest.raises(Invalid, match="no profile 'none'"):
        aws(settings, tmp_path, profile="none")


def test_a_plain_endpoint_is_allowed_because_it_was_written_down(settings, tmp_path):
    store = buckets.connect("s3://b", settings, {"endpointurl": "http://localhost:1"})
    assert store.client_options["allow_http"]


def test_azure_and_google_take_their_options(settings, tmp_path):
    text = f"AccountName=ana;AccountKey={KEY};BlobEndpoint=https://x.test/ana"
    store = buckets.connect("azure://container/x", settings, {"connection_string": text})
    assert store.config["account_name"] == "ana"
    store = buckets.connect(
        "azure://container/x", settings, {"account_name": "ana", "account_key": KEY}
    )
    assert store.prefix == "x"
    store = buckets.connect("gs://bucket/x", settings, {"allow_anonymous_login": "true"})
    assert store.prefix == "x"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"acl": "private"}, Unsupported),
        ({"ssl_verify": "/ca.pem"}, Unsupported),
        ({"use_ssl": "perhaps"}, Invalid),
        ({"read_timeout": "soon"}, Invalid),
    ],
)
def test_what_cannot_be_translated_is_refused(settings, options, kind):
    with pytest.raises(kind):
        buckets.connect("s3://b", settings, options)


def test_lists_and_questions_are_chosen_by_their_number():
    from cauce.adapters.stores.blobs import _cheapest

    assert _cheapest(100_000, 256, 0) == "whole"
    assert _cheapest(20, 20, 900) == "each"
    assert _cheapest(100_000, 256, 900) == "folders"
    assert _cheapest(1_000, 256, 1000) == "each"
    assert _cheapest(100_000, 256, 1000) == "folders"
