from __future__ import annotations

import pytest

from napari_etch.virtual.broken import folder


def call(*more):
    return ("virtual", "--task", "repair", "--size", 64, "--workers", 1, "--out", "set", *more)


@pytest.mark.parametrize("preset", ["published", "realistic"])
def test_pairs_of_each_preset_are_written(etch, tmp_path, preset):
    done = etch(*call("--count", 2, "--preset", preset))
    assert done.exit_code == 0, done.output
    assert f"2 {preset} pairs of 64 x 64 px (2 made) -> set" in done.output
    for kind in ("micro", "label"):
        names = {path.name for path in (tmp_path / "set" / kind).iterdir()}
        assert names == {"0.png", "1.png"}


def test_a_larger_count_adds_to_what_is_there(etch):
    assert "(2 made)" in etch(*call("--count", 2, "--preset", "published")).output
    assert "(1 made)" in etch(*call("--count", 3, "--preset", "published")).output
    assert "(all were there)" in etch(*call("--count", 3, "--preset", "published")).output


def test_another_set_in_the_folder_is_refused(etch):
    assert etch(*call("--count", 1, "--preset", "published")).exit_code == 0
    refused = etch(*call("--count", 1, "--preset", "published", "--seed", 1))
    assert refused.exit_code == 2
    assert "seed 0" in refused.stderr and "--overwrite" in refused.stderr
    again = etch(*call("--count", 1, "--preset", "published", "--seed", 1, "--overwrite"))
    assert again.exit_code == 0


def test_ctrl_c_says_that_the_same_call_goes_on(etch, monkeypatch):
    write_pair = folder._write_pair

    def interrupted(out, pairs, index):
        if index == 2:
            raise KeyboardInterrupt
        write_pair(out, pairs, index)

    monkeypatch.setattr(folder, "_write_pair", interrupted)
    stopped = etch(*call("--count", 4, "--preset", "published"))
    assert stopped.exit_code == 130
    assert "2 of 4 pairs in set; the same call goes on" in stopped.stderr


def test_ctrl_c_tells_of_the_pairs_that_other_processes_have_made(etch, monkeypatch):
    """They hand over several at a time: it said 0 of 500 where there were twelve."""

    def handed_over_late(out, pairs, count, **options):
        for name in ("micro", "label"):
            (out / name).mkdir(parents=True)
        yield 0
        for index in range(3):
            folder._write_pair(out, pairs, index)
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "write_pairs", handed_over_late)
    stopped = etch(*call("--count", 4, "--preset", "published"))
    assert stopped.exit_code == 130
    assert "3 of 4 pairs in set; the same call goes on" in stopped.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("virtual", "--task", "repair", "--gallery", "sheet.png"), "leave it out"),
        (("virtual", "--out", "set", "--preset", "published"), "--task repair"),
        (("virtual", "--task", "repair"), "--out DIR"),
        (("virtual", "--task", "repair", "--out", "set", "--preset", "other"), "realistic"),
        (("virtual", "--task", "repair", "--out", "set", "--size", 31), "32"),
    ],
)
def test_what_does_not_fit_is_refused(etch, arguments, said):
    refused = etch(*arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
