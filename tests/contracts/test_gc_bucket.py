"""Collecting in a bucket: what goes lies below `trash/`, and comes back."""

import pytest
from tests.rooms import folders

from cauce.kernel import digest, workspace
from cauce.rooms.data.transfer import remotes

pytestmark = pytest.mark.peer


def test_what_went_from_a_bucket_comes_back(s3_address, s3_settings, project, monkeypatch):
    monkeypatch.setenv("CAUCE_GC__GRACE_HOURS", "-0.01")  # everything is old enough
    with workspace.open_local(project, agent="user:test") as ws:
        ws.data.init()
        (project / ".dvc" / "config").write_text(
            "[core]\n    remote = far\n['remote \"far\"']\n    url = s3://bucket/gc\n"
            f"    endpointurl = {s3_address}\n    region = us-east-1\n"
        )
        ws.data.add(folders.write(project / "d", {"a": b"1"}))
        ws.data.push()
        far = remotes.open_remote(ws)
        far.put([b"loose"], algorithm="md5")
        name = digest.of(b"loose", "md5")
        assert {it.place: it.count for it in ws.data.gc(cloud=True).places} == {
            "cache": 0,
            "far": 1,
        }
        id = ws.data.gc(cloud=True, force=True).id
        assert not far.has([name])
        assert ws.data.gc_undo(id).count == 1
        assert far.get(name) == b"loose"
        assert ws.data.status()[0].missing == 0
