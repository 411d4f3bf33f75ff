"""Accuracy class by class: what changed most is shown."""

from edgeprune.report import Summary, render
from edgeprune.report.classes import SHOWN, ClassAccuracy, classes_sentence, most_changed
from tests.report.sample import sample


def _some(count: int) -> list[ClassAccuracy]:
    return [ClassAccuracy(f"class {n}", 50, 0.9, 0.9 - n / 100) for n in range(count)]


def test_those_that_lost_most_come_first() -> None:
    shown = most_changed(_some(30))
    assert len(shown) == SHOWN
    assert [one.name for one in shown[:2]] == ["class 29", "class 28"]
    assert "class 18" == shown[-1].name


def test_what_the_sentence_says() -> None:
    text = classes_sentence(_some(30))
    assert text.startswith(f"The {SHOWN} of 30 classes that changed most.")
    assert "“class 29” lost most: 29.0 points, of 50 images." in text
    better = [ClassAccuracy("cat", 10, 0.5, 0.6)]
    assert classes_sentence(better) == "No class lost accuracy."


def test_the_page_shows_them_and_the_commands_of_its_run() -> None:
    classes = [{"name": "<b>cat</b>", "images": 20, "before": 0.9, "after": 0.75}]
    deploy = ["edgeprune build '/data/my runs/one' --target local", "sh dist/<local>/install.sh"]
    more = {"classes": classes, "directory": "/data/my runs/one", "deploy": deploy}
    page = render(Summary.from_json({**sample(), **more}))
    assert "Class by class" in page and "&lt;b&gt;cat&lt;/b&gt;" in page
    assert "edgeprune finish &#39;/data/my runs/one&#39; --trial 3" in page
    assert "edgeprune build &#39;/data/my runs/one&#39;" in page
    assert "sh dist/&lt;local&gt;/install.sh" in page
    assert '<a href="manifest.json">manifest.json</a>' in page
    plain = render(Summary.from_json(sample()))
    assert "Class by class" not in plain and 'data-copy="' not in plain
