from __future__ import annotations

import csv
import html
import json

import numpy as np
import openpyxl
import pandas as pd
import pytest
import tifffile
from corrected import correct, correcting
from measure.tessellation import checkerboard, poisson_voronoi
from skimage.io import imsave

import napari_etch
from napari_etch.cli import measure_inputs
from napari_etch.cli.measure_inputs import read_fields
from napari_etch.corrections import Journal
from napari_etch.measure import METHODS, combine_fields
from napari_etch.measure.report import Report
from napari_etch.measure.report_html import details
from napari_etch.micrograph import write_tiff

pytestmark = pytest.mark.usefixtures("quick_measuring")


@pytest.fixture
def write_grains(tmp_path):
    """Return a function that writes a grain map."""

    def write(name="a.tif", seed=0, pixel_size_um=0.5, grains=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grains = poisson_voronoi(200, 60, seed) if grains is None else grains
        write_tiff(path, grains, pixel_size_um=pixel_size_um)
        return path

    return write


def read(folder):
    return json.loads((folder / "measure.json").read_text(encoding="utf-8"))


def test_a_grain_map_becomes_a_report(etch, write_grains, tmp_path):
    done = etch("measure", write_grains(), "--out", "out")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "out"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["fields.csv", "grains.csv", "measure.json", "report.html"]
    found = read(folder)
    assert found["napari_etch"] == napari_etch.__version__
    assert set(found["methods"]) == {each.key for each in METHODS}
    for each in found["methods"].values():
        assert np.isfinite(each["G"])
    saltykov = found["methods"]["saltykov"]
    # 60 grains on (100 µm)²
    assert saltykov["mean"] == pytest.approx(60 / 0.01, rel=0.2)
    assert saltykov["G_low"] < saltykov["G"] < saltykov["G_high"]
    assert f"ASTM G {saltykov['G']:.1f}" in done.stdout
    table = pd.read_csv(folder / "grains.csv")
    assert len(table) == found["fields"][0]["grains"]
    assert {"field", "feret_max_um", "neighbours", "convexity"} <= set(table.columns)


def test_the_report_holds_everything_in_itself(etch, write_grains, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    imsave(tmp_path / "image.png", noise)
    etch("measure", write_grains(), "--out", "out", "--image", "image.png")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3  # micrograph, overlay, figure
    assert "http://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "image.png" in page
    assert napari_etch.__version__ in page
    for each in METHODS:
        assert each.title in page


def test_several_fields_have_an_interval_between_them(etch, write_grains, tmp_path):
    fields = [write_grains(f"{name}.tif", seed) for seed, name in enumerate("abc")]
    done = etch("measure", *fields, "--out", "out")
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "out")
    assert [each["name"] for each in found["fields"]] == ["a", "b", "c"]
    result = found["methods"]["saltykov"]
    values = [each["measured"]["saltykov"] for each in found["fields"]]
    assert result["interval_from"] == "fields"
    assert result["half_width_95"] == pytest.approx(
        4.303 * np.std(values, ddof=1) / 3**0.5, rel=1e-3
    )
    assert result["more_fields_for_10_percent"] >= 0
    assert len(found["distribution"]["differences"]) == 3


def test_a_report_goes_into_the_folder_that_one_is_in(etch, write_grains, tmp_path, monkeypatch):
    field = write_grains().resolve()
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for out in (".", ".."):
        done = etch("measure", field, "--out", out)
        assert done.exit_code == 0, done.output
        assert (tmp_path / "deep" / out / "measure.json").exists()


def test_a_field_that_is_given_twice_is_refused(etch, write_grains, tmp_path):
    path = write_grains()
    done = etch("measure", path, tmp_path / "." / path.name, "--out", "out")
    assert done.exit_code == 2
    assert "is given twice: every field counts once" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_table_of_fields_has_what_each_method_measured_and_its_number(
    etch, write_grains, tmp_path
):
    large = np.repeat(np.arange(1, 5), 50)[None].repeat(200, 0).astype(np.int32)  # none is whole
    fields = [write_grains("a.tif"), write_grains("b.tif", grains=large)]
    assert etch("measure", *fields, "--out", "out").exit_code == 0
    found, table = read(tmp_path / "out"), pd.read_csv(tmp_path / "out" / "fields.csv")
    assert list(table["field"]) == ["a", "b"]
    for row, field in zip(table.to_dict("records"), found["fields"], strict=True):
        assert row["grains"] == field["grains"] and row["area_mm2"] == field["area_mm2"]
        assert row["saltykov_G"] == pytest.approx(field["planimetric_g"], rel=1e-5)
        for each in METHODS:
            value = field["measured"].get(each.key)
            unit = {"density": "per_mm2", "iso": "per_mm2", "area": "um2"}.get(each.scale, "per_mm")
            assert row[f"{each.key}_{unit}"] == pytest.approx(
                value or np.nan, rel=1e-5, nan_ok=True
            )
            number = each.grain_number(value) if value else np.nan
            assert row[f"{each.key}_G"] == pytest.approx(number, rel=1e-5, nan_ok=True)
    assert np.isnan(table["mean_area_G"][1])


def test_excel_and_pdf_are_written_where_asked_for(etch, write_grains, tmp_path):
    etch("measure", write_grains(), "--out", "out", "--excel", "--pdf")
    book = openpyxl.load_workbook(tmp_path / "out" / "measure.xlsx")
    assert book.sheetnames == [
        *("grain size", "fields", "grains", "structure", "distribution", "directions"),
        *("remarks", "about"),
    ]
    assert book["grain size"].max_row == len(METHODS) + 1
    pdf = (tmp_path / "out" / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/Count 1" in pdf  # one page


def test_excel_holds_the_numbers_of_measure_json(etch, write_grains, tmp_path):
    fields = [write_grains(f"{at}.tif", at) for at in range(3)]
    maps = []
    for at in range(3):
        maps.append(tmp_path / f"classes{at}.tif")
        classes = np.ones((200, 200), np.uint8)
        classes[:, : 40 + 20 * at] = 2
        tifffile.imwrite(maps[-1], classes)
    named = [part for each in maps for part in ("--classes", each)]
    done = etch("measure", *fields, *named, "--out", "out", "--excel")
    assert done.exit_code == 0, done.output
    found, book = (
        read(tmp_path / "out"),
        pd.read_excel(tmp_path / "out" / "measure.xlsx", sheet_name=None),
    )
    for row, each in zip(
        book["grain size"].to_dict("records"), found["methods"].values(), strict=True
    ):
        assert row["measured"] == pytest.approx(each["mean"])
        for column, key, whole in (
            ("mean intercept, µm", "mean_intercept_um", 1e3),
            ("mean area, µm²", "mean_area_um2", 1e6),
        ):
            assert row[column] == pytest.approx(each[key] or np.nan, nan_ok=True)
            if each["unit"].endswith(("per mm" if whole == 1e3 else "per mm²",)):
                assert each[key] == pytest.approx(whole / each["mean"])
        for column, key in (("G", "G"), ("G low", "G_low"), ("G high", "G_high")):
            assert row[column] == pytest.approx(each[key])
        assert row["% RA"] == pytest.approx(each["relative_accuracy_percent"])
        assert row["fields still needed"] == each["more_fields_for_10_percent"]
    sizes = book["distribution"].set_index("diameters")
    assert sizes["by area"]["D50, µm"] == pytest.approx(
        found["distribution"]["by_area"]["percentiles_um"]["50"]
    )
    assert sizes["by number"]["whole grains"] == found["distribution"]["n"]
    rates = [each["per_mm"] for each in found["anisotropy"]["directions"]]
    assert book["directions"]["intersections per mm"].tolist() == pytest.approx(rates)
    for row, each in zip(
        book["area fractions"].to_dict("records"), found["area_fractions"].values(), strict=True
    ):
        assert row["% by points (E562)"] == pytest.approx(100 * each["point_fraction"]["value"])
        assert row["% RA"] == pytest.approx(each["relative_accuracy_percent"])
        assert row["fields still needed"] == each["more_fields_for_10_percent"] > 0
    assert dict(book["about"].to_numpy())["pixel size, µm"] == found["pixel_size_um"]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert all(html.escape(text) in page for text in book["structure"]["found"])
    assert " % RA) by " in page


def test_grains_without_a_micrograph_are_drawn_on_white_and_stripes_are_endless(
    write_grains, tmp_path
):
    stripes = np.repeat(np.arange(1, 11), 20)[None].repeat(200, 0).astype(np.int32)
    (field,) = read_fields([write_grains("a.tif", grains=stripes)], 0.5)
    source = field.source()
    assert source.picture is None
    assert (source.overlay[100, 10] == 255).all()
    measured = combine_fields([field.measure()])
    found = dict(details(Report(measured, (source,), field.table())))
    assert "AI ∞, longest intercepts at 90°" in found["Anisotropy *"]
    assert "1.0 finer than the mean; the border cuts" in found["Largest grain (E930)"]


def test_a_name_that_the_font_lacks_is_no_warning(etch, write_grains):
    done = etch("measure", write_grains("結晶.tif"), "--out", "out", "--pdf")  # warnings are errors
    assert done.exit_code == 0, done.output


def test_a_file_whose_name_looks_like_a_formula_is_none_in_excel(etch, write_grains, tmp_path):
    fields = [write_grains("=1+1.tif"), write_grains("b.tif", 1)]
    etch("measure", *fields, "--out", "out", "--excel")
    book = openpyxl.load_workbook(tmp_path / "out" / "measure.xlsx")
    for sheet in ("fields", "grains"):
        assert (book[sheet]["A2"].value, book[sheet]["A2"].data_type) == ("=1+1", "s")


def test_signs_that_no_cell_may_hold_are_question_marks(etch, write_grains, tmp_path):
    fields = [write_grains("\x1b[1mred\n.tif"), write_grains("b.tif", 1)]
    done = etch("measure", *fields, "--out", "out", "--excel", "--pdf")
    assert done.exit_code == 0, done.output
    book = openpyxl.load_workbook(tmp_path / "out" / "measure.xlsx")
    assert book["fields"]["A2"].value == "?[1mred?"
    assert pd.read_csv(tmp_path / "out" / "fields.csv")["field"][0] == "?[1mred?"


def test_a_result_folder_brings_boundary_image_and_model_along(etch, micrograph_file, tmp_path):
    etch("segment", micrograph_file(), "--out", "seg", "--pixel-size", 0.5)
    done = etch("measure", "seg/steel", "--out", "out")
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "out")
    field = found["fields"][0]
    assert (field["name"], field["model"], field["granularity"]) == ("steel", "dark", 0.5)
    (row,) = pd.read_csv(tmp_path / "out" / "fields.csv").to_dict("records")
    assert (row["model"], row["weights_hash"], row["granularity"]) == (
        *("dark", field["weights_hash"], 0.5),
    )
    assert field["image"].endswith("steel.tif")
    assert found["segmentation"]["granularities"] == [0.3, 0.4, 0.5, 0.6, 0.7]
    assert "boundary_confidence" in pd.read_csv(tmp_path / "out" / "grains.csv").columns


def test_a_report_says_where_the_pixel_size_of_a_result_is_from(etch, micrograph_file, tmp_path):
    etch("segment", micrograph_file(), "--out", "results", "--pixel-size", 0.5)
    done = etch("measure", tmp_path / "results" / "steel", "--out", "out")
    assert done.exit_code == 0, done.output
    # not ImageJ, whose tags the grain map has
    assert read(tmp_path / "out")["fields"][0]["pixel_size_from"] == "typed"


def test_corrections_beside_a_result_are_measured(etch, micrograph_file, tmp_path):
    etch("segment", micrograph_file(), "--out", "results", "--pixel-size", 0.5)
    folder = tmp_path / "results" / "steel"
    grains = tifffile.imread(folder / "grains.tif")
    about = {"source_path": str(folder / "grains.tif")}
    journal = Journal(grains, "grains", [folder], about=about)
    window = (slice(0, 96), slice(0, 96))
    before = grains.copy()
    grains[grains == 2] = 1
    journal.record(window, before, grains)
    journal.close()
    done = etch("measure", folder, "--out", "out")
    assert done.exit_code == 0, done.output
    assert "steel: 1 edit of the Correct dock beside the result" in done.stderr
    (field,) = read(tmp_path / "out")["fields"]
    assert (field["grains"], field["corrected_by_hand"]) == (15, True)
    done = etch("measure", folder, "--out", "plain", "--no-corrections")
    assert read(tmp_path / "plain")["fields"][0]["grains"] == 16


def test_a_map_that_was_written_over_that_of_a_result_has_its_pixel_size(
    etch, micrograph_file, tmp_path
):
    """Other programs do not keep it, and it was asked for though the result states it."""
    etch("segment", micrograph_file(), "--out", "results", "--pixel-size", 0.5)
    path = tmp_path / "results" / "steel" / "grains.tif"
    tifffile.imwrite(path, tifffile.imread(path))
    done = etch("measure", path.parent, "--out", "out")
    assert done.exit_code == 0, done.output
    (field,) = read(tmp_path / "out")["fields"]
    assert (field["pixel_size_um"], field["pixel_size_from"]) == (0.5, "typed")


def test_what_is_being_corrected_in_napari_is_told(etch, write_grains):
    """The map on disk was measured, and exported, without a word."""
    path = write_grains("result/grains.tif")
    journal, _ = correcting(path, 3, 4)
    assert journal.flush()
    done = etch("measure", "result", "--out", "out")
    assert done.exit_code == 0, done.output
    assert "grains.tif: it is being corrected in napari, and that is not taken" in done.stderr
    (path.parent / "summary.json").write_text('{"image": {}}')
    assert "result: it is being corrected" in etch("export", "result", "--out", "set").stderr
    plain = etch("measure", "result", "--out", "plain", "--no-corrections")
    assert plain.exit_code == 0 and "napari" not in plain.stderr
    journal.close()
    done = etch("measure", "result", "--out", "again")
    assert "being corrected" not in done.stderr and "was taken along" in done.stderr


def test_corrections_beside_a_tracked_stack_are_measured(etch, tmp_path):
    (tmp_path / "tracked").mkdir()
    path = tmp_path / "tracked" / "grains3d.tif"
    write_tiff(path, np.repeat(poisson_voronoi(120, 30, 0)[None], 4, 0), pixel_size_um=0.5)
    correct(path, 3, 4)
    size = ("--section-distance", 2)
    for more, count in (((), 29), (("--no-corrections",), 30)):
        done = etch("measure", "tracked", "--out", f"out{count}", *size, *more)
        assert done.exit_code == 0, done.output
        assert len(pd.read_csv(tmp_path / f"out{count}" / "grains3d.csv")) == count


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("first.tif", "first.tif is truncated: it ends before its pixels do"),
        ("pages.tif", "pages.tif is truncated: it ends before its pixels do"),
        ("broken.tif", "broken.tif: its pixels are damaged: copy it again"),
        ("cut.png", "cut.png: its pixels are damaged: copy it again"),
        ("objects.npy", "objects.npy: it holds no array of numbers: save it again"),
        ("text.npy", "text.npy: it holds no array of numbers: save it again"),
    ],
)
def test_a_damaged_map_is_a_sentence_and_no_measurement(etch, tmp_path, name, words):
    """Of a stack that was cut off the first section was measured alone, as a field."""
    grains = poisson_voronoi(120, 30, 0)
    tifffile.imwrite("whole.tif", grains, compression="zlib")
    whole = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "first.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "broken.tif").write_bytes(whole[:-300] + bytes(300))
    tifffile.imwrite("stack.tif", np.repeat(grains[None], 5, 0), compression="zlib")
    stack = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "pages.tif").write_bytes(stack[: len(stack) * 3 // 4])
    imsave("whole.png", grains.astype(np.uint8), check_contrast=False)
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:500])
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("hello")
    done = etch("measure", name, "--out", "out", "--pixel-size", 0.5)
    assert done.exit_code == 2, done.output
    assert words in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_grey_map_stored_as_colours_is_one_field_as_numbers_too(etch, tmp_path):
    """Its rows were taken for the sections of a stack, which took an hour."""
    np.save("colours.npy", np.repeat(poisson_voronoi(120, 30, 0)[..., None], 3, 2))
    done = etch("measure", "colours.npy", "--out", "out", "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("30 grains in 1 field")


def test_twins_are_merged_on_request(etch, write_grains, tmp_path):
    grains = checkerboard(4, 40)
    grains[50:56, 45:75] = 99  # a lamella inside a square
    path = write_grains(grains=grains)
    etch("measure", path, "--out", "kept")
    etch("measure", path, "--out", "merged", "--merge-twins")
    assert read(tmp_path / "kept")["fields"][0]["grains"] == 17
    assert read(tmp_path / "merged")["fields"][0]["grains"] == 16
    assert "1 lamellae" in read(tmp_path / "merged")["remarks"][0]


def test_a_stack_gives_a_field_a_section_and_a_table_in_space(etch, write_grains, tmp_path):
    grains = np.repeat(poisson_voronoi(120, 30, 0)[None], 6, 0)
    path = write_grains(grains=grains)
    done = etch("measure", path, "--out", "out", "--section-distance", 2)
    assert done.exit_code == 0, done.output
    assert len(read(tmp_path / "out")["fields"]) == 6
    table = pd.read_csv(tmp_path / "out" / "grains3d.csv")
    assert table["volume_um3"].sum() == pytest.approx(grains.size * 2 * 0.25)
    assert etch("measure", path, "--out", "out", "--overwrite").exit_code == 0
    assert not (tmp_path / "out" / "grains3d.csv").exists()  # of the earlier measurement


def test_a_3d_table_that_no_measurement_wrote_is_kept(etch, write_grains, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "grains3d.csv").write_text("mine")
    assert etch("measure", write_grains(), "--out", "out").exit_code == 0
    assert (tmp_path / "out" / "grains3d.csv").read_text() == "mine"


def test_a_class_map_that_cannot_be_read_is_told_before_the_work(etch, write_grains, monkeypatch):
    monkeypatch.setattr(measure_inputs, "measure_all", None)  # calling it would be an error of ours
    done = etch("measure", write_grains(), "--out", "out", "--classes", "none.png")
    assert done.exit_code == 2 and "none.png: there is no such file" in done.stderr


def numbered_one_by_one(sections, size=120, count=30):
    """Return a stack in which no grain number occurs in two sections, as etch segment leaves it."""
    maps = [poisson_voronoi(size, count, seed) for seed in range(sections)]
    return np.stack([each + 1000 * at for at, each in enumerate(maps)])


def test_the_sections_of_a_stack_are_no_independent_fields(etch, write_grains, tmp_path):
    path = write_grains("stack.tif", grains=numbered_one_by_one(5))
    done = etch("measure", path, "--out", "out")
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "out")
    said = "the 5 sections of stack are one field in depth, not 5 independent fields"
    assert sum(said in each for each in found["remarks"]) == 1
    assert said in done.stderr
    assert "in 5 sections of 1 stack, ASTM G" in done.stdout
    assert "no interval" in done.stdout and "95 %" not in done.stdout
    assert found["independent_fields"] == 1
    values = [each["measured"]["saltykov"] for each in found["fields"]]
    result = found["methods"]["saltykov"]
    assert result["mean"] == pytest.approx(np.mean(values))
    gone = ("G_low", "G_high", "half_width_95", "interval_from", "more_fields_for_10_percent")
    assert [result[key] for key in gone] == [None] * 5
    assert found["distribution"]["differences"] == []
    assert done.stderr.count("below the 50 grains of a field") == 1
    assert "; so it is in 4 more sections" in done.stderr
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "There is no interval. What is measured" in page


def test_several_stacks_have_the_interval_between_them(etch, write_grains, tmp_path):
    maps = [numbered_one_by_one(4), numbered_one_by_one(2, count=40)]
    paths = [write_grains(f"s{at}.tif", grains=grains) for at, grains in enumerate(maps)]
    done = etch("measure", *paths, write_grains("plain.tif"), "--out", "out")
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "out")
    by_stack = {}
    for each in found["fields"]:
        by_stack.setdefault(each["stack"], []).append(each["measured"]["saltykov"])
    assert {key: len(each) for key, each in by_stack.items()} == {"s0": 4, "s1": 2, None: 1}
    means = [np.mean(each) for each in by_stack.values()]
    result = found["methods"]["saltykov"]
    assert result["mean"] == pytest.approx(np.mean(means))
    assert result["half_width_95"] == pytest.approx(
        4.303 * np.std(means, ddof=1) / 3**0.5, rel=1e-3
    )
    assert result["fields"] == 3
    assert "s0, s1 count as one field each in the intervals" in done.stderr
    assert "in 1 field and 6 sections of 2 stacks" in done.stdout


def test_sections_with_too_few_grains_are_left_out(etch, write_grains, tmp_path):
    grains = np.repeat(poisson_voronoi(120, 30, 0)[None], 5, 0)
    grains[0] = 0
    grains[4] = np.where(grains[4] == 7, 7, 0)
    path = write_grains(grains=grains)
    done = etch("measure", path, "--out", "out", "--section-distance", 2)
    assert done.exit_code == 0, done.output
    assert "a: sections 0, 4 show fewer than two grains and are left out" in done.stderr
    names = [each["name"] for each in read(tmp_path / "out")["fields"]]
    assert names == ["a section 1", "a section 2", "a section 3"]
    table = pd.read_csv(tmp_path / "out" / "grains3d.csv")
    assert table["voxels"].sum() == np.count_nonzero(grains)

    none = write_grains("none.tif", grains=np.ones((3, 60, 60), np.int32))
    done = etch("measure", none, "--out", "nothing")
    assert done.exit_code == 2
    assert "none: no section shows more than one grain" in done.stderr


@pytest.mark.parametrize("begins_anew", [False, True])
def test_sections_that_are_numbered_one_by_one_are_no_grains_in_space(
    etch, write_grains, tmp_path, begins_anew
):
    grains = numbered_one_by_one(3)
    if begins_anew:  # as other programs number them
        grains = np.stack([np.unique(each, return_inverse=True)[1] + 1 for each in grains])
        grains = grains.reshape(3, 120, 120).astype(np.int32)
    path = write_grains(grains=grains)
    done = etch("measure", path, "--out", "out", "--section-distance", 2)
    assert done.exit_code == 2
    assert f"the sections of {path} are numbered one by one" in done.stderr
    assert "run etch track first" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_sections_of_a_stack_are_shown_with_their_micrographs(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file())
    tifffile.imwrite(tmp_path / "pile.tif", np.stack([page] * 2), photometric="minisblack")
    assert etch("segment", "pile.tif", "--stack", "--out", "results").exit_code == 0
    given = ("--image", "pile.tif")
    for source, more in (("results/pile", ()), ("results/pile/grains.tif", given)):
        done = etch("measure", source, "--pixel-size", 1, "--out", "out", "--overwrite", *more)
        assert done.exit_code == 0, done.output
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert "no micrograph given" not in page
        assert read(tmp_path / "out")["fields"][1]["image"].endswith("pile.tif")
    done = etch("measure", "results/pile", "--pixel-size", 1, "--out", "b", "--image", "steel.tif")
    assert done.exit_code == 2
    assert "steel.tif is 1 × 96 × 96 px, its grain map 2 × 96 × 96: give the mic" in done.stderr


def test_a_result_of_one_grain_beside_an_information_bar_is_no_drawing(
    etch, micrograph_file, tmp_path
):
    etch("segment", micrograph_file(), "--out", "results", "--pixel-size", 0.5)
    path = tmp_path / "results" / "steel" / "grains.tif"
    grains = np.ones((96, 96), np.int32)
    grains[80:] = 0
    tifffile.imwrite(path, grains)
    done = etch("measure", "results/steel", "--out", "out")
    assert done.exit_code == 2
    assert "steel: the map shows a single grain, which has no mean size" in done.stderr


def test_two_results_of_one_image_are_told(etch, micrograph_file, tmp_path):
    """Their interval was that of two fields."""
    image = micrograph_file()
    for out, granularity in (("one", 0.5), ("two", 0.9)):
        etch("segment", image, "--out", out, "--pixel-size", 0.5, "--granularity", granularity)
    path = tmp_path / "two" / "steel" / "grains.tif"
    grains = tifffile.imread(path)
    tifffile.imwrite(path, np.where(grains == 2, 1, grains))
    done = etch("measure", "one/steel", "two/steel", "--out", "out")
    said = "are maps of one image, so they are one field counted twice"
    assert done.stderr.count(said) == 1
    assert sum(said in remark for remark in read(tmp_path / "out")["remarks"]) == 1
    done = etch("measure", "one/steel", "--out", "b")
    assert said not in done.stderr


def test_all_fields_without_a_pixel_size_are_named(etch, write_grains, tmp_path):
    fields = [write_grains(f"{name}.tif", pixel_size_um=None) for name in "abcdefg"]
    done = etch("measure", write_grains("ok.tif"), *fields, "--out", "out")
    assert done.exit_code == 2
    said = done.stderr.replace(str(tmp_path), "")
    assert "the pixel size is not known of 7 of 8 grain maps (/a.tif, /b.tif" in said
    assert "/e.tif and 2 more), so there is no grain size: give it with --pixel-size" in said


def test_a_micrograph_with_other_pixels_is_told(etch, micrograph_file, tmp_path):
    page = tifffile.imread(micrograph_file("one.tif"))
    tifffile.imwrite(tmp_path / "two.tif", page[::-1])
    etch("segment", "one.tif", "two.tif", "--out", "results", "--pixel-size", 0.5)
    fields = ("results/one", "results/two")
    swapped = etch("measure", *fields, "--out", "a", "--image", "two.tif", "--image", "one.tif")
    said = "one: two.tif has other pixels than the micrograph that was segmented"
    assert said in swapped.stderr and said in read(tmp_path / "a")["remarks"]
    right = etch("measure", *fields, "--out", "b", "--image", "one.tif", "--image", "two.tif")
    assert "other pixels" not in right.stderr


def test_a_slice_is_shown_with_its_section_of_the_file_that_is_named(
    etch, micrograph_file, tmp_path
):
    page = tifffile.imread(micrograph_file())
    tifffile.imwrite(tmp_path / "pile.tif", np.stack([page, page[::-1]]), photometric="minisblack")
    etch("segment", "pile.tif", "--slices", "--out", "results", "--pixel-size", 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pile.tif").rename(tmp_path / "elsewhere" / "pile.tif")
    done = etch(
        "measure", "results/pile/pile_0001", "--out", "out", "--image", "elsewhere/pile.tif"
    )
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "out")["fields"][0]["image"].endswith("pile.tif")


def test_the_micrograph_tells_the_pixel_size_of_a_map_that_states_none(
    etch, micrograph_file, write_grains, tmp_path
):
    grains = write_grains(grains=checkerboard(4, 24), pixel_size_um=None)
    image = micrograph_file(resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")
    done = etch("measure", grains, "--out", "out", "--image", image)
    assert done.exit_code == 0, done.output
    field = read(tmp_path / "out")["fields"][0]
    assert field["pixel_size_um"] == pytest.approx(0.1)
    assert field["pixel_size_from"] == "TIFF resolution tags of steel.tif"
    done = etch("measure", grains, "--out", "b", "--image", image, "--pixel-size", 0.2)
    assert "steel.tif states 0.1 µm a pixel; 0.2 as typed was used" in done.stderr


def test_the_results_of_a_folder_are_measured_in_the_order_of_their_numbers(
    etch, micrograph_file, tmp_path
):
    images = [micrograph_file(f"field{number}.tif") for number in (10, 2)]
    etch("segment", *images, "--out", "results", "--pixel-size", 1)
    etch("measure", "results", "--out", "out")
    names = [each["name"] for each in read(tmp_path / "out")["fields"]]
    assert names == ["field2", "field10"]


def test_what_track_wrote_is_measured_by_the_name_of_its_folder(etch, write_grains, tmp_path):
    path = write_grains(grains=numbered_one_by_one(3))
    assert etch("track", path, "--out", "tracked").exit_code == 0
    done = etch("measure", "tracked", "--out", "out", "--section-distance", 2)
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "out")["fields"][0]["name"] == "tracked section 0"
    assert pd.read_csv(tmp_path / "out" / "grains3d.csv")["sections"].max() > 1


def test_a_folder_of_results_is_measured_result_by_result(etch, write_grains, tmp_path):
    for seed, name in enumerate(("b", "a")):
        path = write_grains(f"results/{name}/grains.tif", seed)
        (path.parent / "summary.json").write_text('{"image": {}}')
    (tmp_path / "results" / "notes").mkdir()
    stack = write_grains("stack.tif", grains=numbered_one_by_one(2))
    assert etch("track", stack, "--out", "results/t").exit_code == 0
    done = etch("measure", "results", write_grains("c.tif", 3), "--out", "out")
    assert done.exit_code == 0, done.output
    names = [field["name"] for field in read(tmp_path / "out")["fields"]]
    assert names == ["a", "b", "t section 0", "t section 1", "c"]


def test_a_folder_without_a_grain_map_is_refused(etch, tmp_path):
    (tmp_path / "results").mkdir()
    done = etch("measure", "results", "--out", "out")
    assert done.exit_code == 2
    assert done.stderr.startswith("etch: results holds no grains.tif: name a grain map, or what")


def test_a_boundary_map_of_8_or_16_bits_is_one_from_0_to_1(etch, micrograph_file, tmp_path):
    """Over 0 to 255, G was that of a mask, and boundaries were 220 times sure."""
    etch("segment", micrograph_file(), "--out", "results")
    grains, lines = (
        tmp_path / "results" / "steel" / f"{name}.tif" for name in ("grains", "boundary")
    )
    strength = 0.2 + 0.5 * tifffile.imread(lines)
    for name, stored in (
        ("0.tif", strength.astype(np.float32)),
        ("8.tif", np.rint(strength * 255).astype(np.uint8)),
        ("16.tif", np.rint(strength * 65535).astype(np.uint16)),
        ("rounded.tif", (strength / strength.max() * 1.0002).astype(np.float32)),
        ("wide.tif", (strength * 300).astype(np.float32)),
        ("nan.tif", np.where(strength > 0.5, strength, np.nan).astype(np.float32)),
    ):
        tifffile.imwrite(tmp_path / name, stored)
    call = ("measure", grains, "--pixel-size", 0.5, "--overwrite", "--out", "out", "--boundary")
    sure = []
    for name in ("0.tif", "8.tif", "16.tif"):
        assert etch(*call, name).exit_code == 0
        with (tmp_path / "out" / "grains.csv").open() as file:
            sure.append([float(row["boundary_confidence"]) for row in csv.DictReader(file)])
    assert sure[1] == pytest.approx(sure[0], abs=0.005)
    assert sure[2] == pytest.approx(sure[0], abs=0.005)
    assert etch(*call, "rounded.tif").exit_code == 0
    assert "nan.tif holds NaN, and a boundary map" in etch(*call, "nan.tif").stderr
    done = etch(*call, "wide.tif")
    assert done.exit_code == 2
    assert "wide.tif runs from" in done.stderr and "a boundary map from 0 to 1" in done.stderr


def test_a_grain_map_stored_as_floats_is_measured(etch, write_grains, tmp_path):
    """ImageJ's label maps of 32 bits are floats."""
    grains = poisson_voronoi(200, 60, 0)
    for name, stored in (("whole", grains.astype(np.float32)), ("parts", grains + 0.5)):
        tifffile.imwrite(tmp_path / f"{name}.tif", stored)
    call = ("measure", "--pixel-size", 0.5, "--out")
    assert etch(*call, "a", write_grains()).exit_code == etch(*call, "b", "whole.tif").exit_code
    assert read(tmp_path / "a")["methods"] == read(tmp_path / "b")["methods"]
    done = etch(*call, "c", "parts.tif")
    assert done.exit_code == 2
    assert "parts.tif holds decimals, as a boundary map, and no grain map" in done.stderr


def test_class_maps_give_area_fractions(etch, write_grains, tmp_path):
    classes = np.ones((200, 200), np.uint8)
    classes[:50] = 2
    imsave(tmp_path / "classes.png", classes, check_contrast=False)
    etch("measure", write_grains(), "--out", "out", "--classes", "classes.png")
    fractions = read(tmp_path / "out")["area_fractions"]
    assert fractions["class 2"]["pixel_fraction"] == 0.25


def test_area_fractions_have_the_names_of_the_classes(etch, write_grains, tmp_path):
    classes = np.ones((200, 200), np.uint8)
    classes[:50] = 2
    for made, second, number in (
        ("one", "transgranular", 2),
        ("two", "dimple", 2),
        ("three", "transgranular", 3),
    ):
        table = [{"id": 1, "name": "intergranular"}, {"id": number, "name": second}]
        (tmp_path / made).mkdir()
        tifffile.imwrite(tmp_path / made / "fracture.tif", classes)
        summary = {"class_table": {"attribute": "name", "classes": table}}
        (tmp_path / made / "summary.json").write_text(json.dumps(summary))
    call = ("measure", write_grains(), "--out", "out", "--overwrite", "--classes")
    for given in ("one", "one/fracture.tif"):
        assert etch(*call, given).exit_code == 0
        fractions = read(tmp_path / "out")["area_fractions"]
        assert list(fractions) == ["intergranular", "transgranular"]
        assert fractions["transgranular"]["pixel_fraction"] == 0.25
    done = etch(*call, "one", "--classes", "two")
    assert done.exit_code == 2
    assert "class 2 is transgranular in one and dimple in two: measure maps of" in done.stderr
    done = etch(*call, "one", "--classes", "three")
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert "transgranular is class 2 in one and 3 in three: measure maps of" in said


def test_area_fractions_are_of_the_class_map_as_it_was_corrected(etch, write_grains, tmp_path):
    (tmp_path / "made").mkdir()
    classes = np.ones((200, 200), np.uint8)
    classes[:50] = 2
    classes[50:60] = 3
    tifffile.imwrite(tmp_path / "made" / "fracture.tif", classes)
    correct(tmp_path / "made" / "fracture.tif", 3, 2)
    for place in ("made", "made/fracture.tif"):
        done = etch("measure", write_grains(), "--out", place[-4:], "--classes", place)
        assert done.exit_code == 0, done.output
        assert "1 edit of the Correct dock" in done.stderr
        fractions = read(tmp_path / place[-4:])["area_fractions"]
        assert fractions["class 2"]["pixel_fraction"] == 0.3


def test_a_report_does_not_replace_the_table_of_a_segmentation(etch, micrograph_file, tmp_path):
    etch("segment", micrograph_file(), "--out", "results", "--pixel-size", 0.5)
    folder = tmp_path / "results" / "steel"
    before = (folder / "grains.csv").read_bytes()
    done = etch("measure", folder, "--out", folder, "--overwrite")
    assert done.exit_code == 2
    assert "holds a segmentation (grains.tif), which is kept: choose another" in done.stderr
    assert (folder / "grains.csv").read_bytes() == before


def test_an_earlier_report_is_kept(etch, write_grains, tmp_path):
    path = write_grains()
    etch("measure", path, "--out", "out")
    before = (tmp_path / "out" / "measure.json").read_bytes()
    again = etch("measure", path, "--out", "out")
    assert again.exit_code == 2
    assert "already holds measure.json: add --overwrite" in again.stderr
    assert (tmp_path / "out" / "measure.json").read_bytes() == before
    assert etch("measure", path, "--out", "out", "--overwrite").exit_code == 0


def test_two_class_maps_of_one_image_are_told(etch, write_grains, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "fracture.tif", np.full((40, 40), 1, np.uint8))
        summary = {"image": {"pixels_sha256": "abc"}}
        (tmp_path / name / "summary.json").write_text(json.dumps(summary))
    done = etch("measure", write_grains(), "--out", "out", "--classes", "one", "--classes", "two")
    assert done.exit_code == 0, done.output
    assert "two and one are maps of one image, so they are one field counted twice" in done.stderr


@pytest.mark.parametrize(
    "classes",
    [np.full((9, 9), np.nan), np.full((9, 9), np.inf), np.full((9, 9), 0.5), np.zeros((2, 9, 9))],
)
def test_class_maps_that_are_none_are_told(etch, write_grains, tmp_path, classes):
    np.save(tmp_path / "classes.npy", classes)
    done = etch("measure", write_grains(), "--out", "out", "--classes", "classes.npy")
    assert done.exit_code == 2
    assert "classes.npy is no class map: it needs whole numbers from 0, (y, x)" in done.stderr


@pytest.mark.parametrize("option", ["--boundary", "--classes", "--image"])
def test_an_array_of_words_is_refused_in_a_sentence(etch, write_grains, tmp_path, option):
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    done = etch("measure", write_grains(), "--out", "out", option, "words.npy")
    assert done.exit_code == 2
    assert "words.npy" in done.stderr and "internal error" not in done.stderr


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grains", "options", "said"),
    [
        (checkerboard(4, 20), (), "the pixel size is not known"),
        (np.zeros((50, 50), np.int32), ("--pixel-size", 1), "shows no grain"),
        (np.ones((50, 50), np.int32), ("--pixel-size", 1), "a single grain"),
        (
            255 * np.eye(50, dtype=np.int32),
            ("--pixel-size", 1),
            "holds one value, 255, beside 0, so it is drawn lines or a mask",
        ),
        (
            checkerboard(4, 20) / np.float32(16),
            ("--pixel-size", 1),
            "holds decimals, as a boundary map, and no grain map: make grain maps with etch seg",
        ),
        (checkerboard(4, 20), ("--pixel-size", -1), "is not between 1e-06 and 10000 µm"),
        (
            checkerboard(4, 20),
            ("--pixel-size", 1, "--section-distance", -2),
            "--section-distance -2: give lengths in µm",
        ),
        (
            checkerboard(4, 20)[None].repeat(2, axis=0),
            ("--pixel-size", 0.5, "--section-distance", 1800),
            "is 3600 times as long as wide",
        ),
        (checkerboard(4, 20), ("--pixel-size", 1, "--image", "none.png"), "none.png"),
        (checkerboard(4, 20), ("--pixel-size", 1, "--boundary", "small.tif"), "maps of one image"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    etch, write_grains, tmp_path, grains, options, said
):
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((9, 9), np.float32))
    done = etch(
        "measure", write_grains(grains=grains, pixel_size_um=None), "--out", "out", *options
    )
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(etch):
    done = etch("measure", "none.tif", "--out", "out", "--pixel-size", 1)
    assert (done.exit_code, "none.tif" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["notes.txt", "text.tif"])
def test_a_file_that_is_no_image_is_refused_by_its_name(etch, tmp_path, name):
    (tmp_path / name).write_text("x")
    done = etch("measure", tmp_path / name, "--out", "out", "--pixel-size", 1)
    assert done.exit_code == 2
    assert name in done.stderr
    assert "read" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_micrograph_is_not_measured_as_if_it_were_a_grain_map(etch, tmp_path):
    grey = np.random.default_rng(0).integers(1, 200, (80, 80)).astype(np.uint8)
    imsave(tmp_path / "steel.png", grey, check_contrast=False)
    done = etch("measure", "steel.png", "--out", "out", "--pixel-size", 1)
    assert done.exit_code == 2
    assert "a picture or drawn lines and no grain map" in done.stderr
    assert not (tmp_path / "out").exists()


def test_grains_that_are_all_cut_are_reported(etch, write_grains, tmp_path):
    done = etch("measure", write_grains(grains=checkerboard(2, 60)), "--out", "out")
    assert done.exit_code == 0
    assert "all grains are cut by the border" in done.stderr
    assert "mean_area" not in read(tmp_path / "out")["methods"]


def test_oblong_pixels_are_refused(etch, tmp_path):
    oblong = {"resolution": (1000, 500), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.tif", checkerboard(4, 20), **oblong)
    for options in ((), ("--pixel-size", 1)):
        done = etch("measure", "a.tif", "--out", "out", *options)
        assert done.exit_code == 2
        assert "not square" in done.stderr


def test_fields_of_two_magnifications_are_refused(etch, write_grains, monkeypatch):
    monkeypatch.setattr(measure_inputs, "measure_all", None)  # before any work
    fields = write_grains("a.tif"), write_grains("b.tif", pixel_size_um=0.25)
    alone = etch("measure", *fields, "--out", "out")
    assert alone.exit_code == 2
    assert "one magnification" in alone.stderr
    typed = etch("measure", *fields, "--out", "out", "--pixel-size", 0.5)
    assert typed.exit_code == 2
    assert "cannot be right for both" in typed.stderr


def test_a_typed_pixel_size_that_the_file_contradicts_is_remarked(etch, write_grains):
    done = etch("measure", write_grains(), "--out", "out", "--pixel-size", 2)
    assert done.exit_code == 0
    assert "a.tif states 0.5 µm a pixel; 2 as typed was used" in done.stderr


def test_lines_between_grains_hide_neither_neighbours_nor_whole_grains(etch, tmp_path):
    rows = np.arange(90) // 15
    grains = (1 + rows[:, None] * 6 + rows[None, :]).astype(np.int32)
    drawn = grains.copy()
    drawn[14::15], drawn[:, 14::15] = 0, 0
    tables = {}
    for name, each in (("touching", grains), ("lined", drawn)):
        tifffile.imwrite(tmp_path / f"{name}.tif", each)
        done = etch("measure", f"{name}.tif", "--pixel-size", 0.5, "--out", name)
        assert done.exit_code == 0, done.output
        tables[name] = pd.read_csv(tmp_path / name / "grains.csv").set_index("label")
    for column in ("neighbours", "touches_border"):
        assert tables["lined"][column].equals(tables["touching"][column])
