"""The report as a page: valid, on its own, complete, and safe whatever layers are called."""

import json
import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

import kerasprune as kp
from kerasprune.recoveries import Repair
from kerasprune.report import Change, ExportedFile, LayerChange, Measured, Report, Step, Timed
from tests.hand_graphs import dense_chain
from tests.report.page_reader import PageReader
from tests.small_models import conv_model, images

NAMES = "<script>alert('a')</script> & \"b\"", "ordinary"


@pytest.fixture
def report():
    """One with something in every part."""
    graph = dense_chain(4, 4, 2)
    keep = np.array([1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1], bool)
    first, second = {"accuracy": 0.5123, "loss": 2.5}, {"accuracy": 0.8765, "loss": 1.25}
    repairs = (Repair(NAMES[0], 0.5, 0.25), Repair("other", None, None, "few samples"))
    steps = (
        Step({"flops": 30.5}, 9, 40, 30, 2e-7, repairs, None, {"cut": first, "repaired": second}),
        Step({"flops": 24.0}, 8, 37, 24, 1e-7, (), Change(100, 31), {"trained": {"accuracy": 0.91, "loss": 0.75}}),
    )
    report = Report.of(graph, keep, {"criterion": "magnitude"}, steps, "magnitude: the best")
    return replace(
        report,
        layers=(*report.layers, LayerChange(NAMES[0], Change(9, 5), Change(77, 55), Change(0, 0))),
        left_alone={NAMES[0]: "it mixes <all> channels", NAMES[1]: "it mixes <all> channels"},
        ours={NAMES[1]: "a statistic"},
        quality=(Measured("accuracy", 0.99, 0.91, True), Measured("loss", 0.5, 0.75, False)),
        samples=512,
        notes=("A note with a < b.",),
        name=NAMES[0],
        latency=Timed(
            4.5, 2.25, 0.515, "two threads", 0.625, layers={"dense0": (1.75, 0.875), "all else": (0.375, 0.3125)}
        ),
        limits={"flops": 24.0},
        tried={"one": 0.1, "two": math.inf},
        failed={"three": "no labels"},
        files=(ExportedFile("small.tflite", "int8", 12345, 1e-3, {"accuracy": 0.9}, 0.25, 0.375, 4.5, "A chip"),),
        plan={"criterion": "magnitude", "seed": 7, "versions": {"keras": "3"}},
    )


def numbers(content) -> list[float]:
    """All numbers in plain data."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        return [number for part in content for number in numbers(part)]
    return [] if isinstance(content, (str, bool, type(None))) else [float(content)]


def test_the_page_is_valid_and_every_place_has_one_name(report):
    page = report.to_html()
    read = PageReader(page)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">') and len(set(read.ids)) == len(read.ids)
    named = [value for _, name, value in read.attributes if name == "aria-labelledby"]
    assert set(named) == set(read.ids) and len(named) > 6


def test_the_page_needs_nothing_from_elsewhere(report):
    page = report.to_html()
    read = PageReader(page)
    assert {name for _, name, _ in read.attributes} & {"src", "href", "srcset", "action", "data"} == set()
    assert "url(" not in page and "@import" not in page and "://" not in page
    assert all(not name.startswith("on") for _, name, _ in read.attributes)
    assert "script" not in {element for element, _ in read.text}


def test_all_figures_of_the_json_are_on_the_page(report):
    plain = json.loads(report.to_json())
    plan = plain.pop("plan")
    missing = sorted(set(numbers(plain)) - set(PageReader(report.to_html()).figures))
    assert missing == []
    assert json.dumps(plan, indent=2) in "".join(text for _, text in PageReader(report.to_html()).text)


def test_all_words_of_the_json_are_on_the_page_as_they_are(report):
    text = "".join(text for _, text in PageReader(report.to_html()).text)
    for word in (*NAMES, "it mixes <all> channels", "A note with a < b.", "magnitude: the best", "no labels", "A chip"):
        assert word in text
    assert "<script" not in report.to_html()


def test_a_reason_that_several_share_is_told_once(report):
    text = [text for _, text in PageReader(report.to_html()).text]
    assert text.count("it mixes <all> channels") == 1


def test_a_report_with_little_in_it_is_a_page_too():
    graph = dense_chain(4, 2)
    page = PageReader(Report.of(graph, graph.keep_all()).to_html())
    assert page.figures and not any("None" in text for _, text in page.text)


def test_the_form_follows_the_suffix(report, tmp_path):
    report.save(tmp_path / "report.HTML")
    assert (tmp_path / "report.HTML").read_text(encoding="utf-8") == report.to_html()
    with pytest.raises(kp.OptionError, match=r"in .json or .html. Received: '.*report.txt'"):
        report.save(tmp_path / "report.txt")


@pytest.mark.parametrize("kind", ["layers", "quality"])
def test_pictures_of_a_report(report, tmp_path, kind):
    kp.plot(report, kind, tmp_path / "picture.svg")
    assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")
    with pytest.raises(kp.OptionError, match="draws an object of the class Explanation. .*there is: layers, quality"):
        kp.plot(report, "pathways", tmp_path / "picture.png")


def test_a_model_is_measured_as_it_was_cut_repaired_and_trained():
    model, data = conv_model(), images(16)
    model.compile("sgd", "sparse_categorical_crossentropy")
    trained = []
    result = kp.compress(model, kp.Budget(flops=0.5), "magnitude", data=data, train=trained.append, recover="bias")
    (step,) = result.report.steps
    assert list(step.quality) == ["cut", "repaired", "trained"] and len(trained) == 1
    assert step.quality["trained"] == {each.name: each.after for each in result.report.quality}
    assert step.quality["cut"] != step.quality["repaired"]
    assert result.report.limits == kp.Budget(flops=0.5).limits(kp.trace(model))
    again = Step.from_dict(json.loads(result.report.to_json())["steps"][0])
    assert again == replace(step, target=dict(step.target))


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [500, 1400])  # headless windows are not narrower than 500
def test_a_browser_shows_the_page_without_scrolling_sideways(report, tmp_path, width):
    report.save(tmp_path / "page.html")
    probe = "<script>document.title = document.documentElement.scrollWidth + ' ' + innerWidth</script></body>"
    page = (tmp_path / "page.html").read_text(encoding="utf-8").replace("</body>", probe)
    (tmp_path / "probe.html").write_text(page, encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path}/profile",
    ]
    command = [CHROMIUM, *options, f"--window-size={width},900", "--dump-dom", (tmp_path / "probe.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    needed, there = map(int, shown.split("<title>")[1].split("</title>")[0].split())
    assert needed <= there
