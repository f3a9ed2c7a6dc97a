from __future__ import annotations

import json
from types import SimpleNamespace

from napari_etch import models


def test_the_list_says_why_a_model_cannot_be_used(etch, monkeypatch):
    good = SimpleNamespace(name="good", kind="boundary", title="Works", ready=True, why_not="")
    bare = SimpleNamespace(name="bare", kind="boundary", title="", ready=False, why_not="train it")
    monkeypatch.setattr(models, "list_models", lambda: [good, bare], raising=False)
    done = etch("models", "list")
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.strip() for line in done.stdout.splitlines()}
    assert rows["good"].endswith("yes")
    assert rows["bare"].endswith("train it")


def test_the_card_is_printed(etch):
    done = etch("models", "info", "dark")
    assert json.loads(done.stdout)["card"]["limits"] == "only for tests"
    assert json.loads(done.stdout)["weights_hash"] == "0123abcd"


def test_a_model_that_does_not_exist(etch):
    done = etch("models", "info", "missing")
    assert done.exit_code == 2
    assert "no model missing" in done.stderr
