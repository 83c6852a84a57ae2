"""The site builds without a warning, and a browser finds nothing wrong."""

import os
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

from tests.conftest import ROOT
from tests.docs import browser

pytestmark = pytest.mark.slow
needs_chromium = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="Chromium is not installed"
)

WIDTHS = {"desktop": 1280, "phone": 360}

_LOOK = """({
    links: [...document.querySelectorAll("a[href]")].map(a => a.href),
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    requests: performance.getEntriesByType("resource").map(e => e.name),
    width: document.documentElement.scrollWidth,
    room: window.innerWidth,
    broken: [...document.images]
        .filter(i => i.getClientRects().length && i.loading != "lazy")
        .filter(i => !i.naturalWidth).map(i => i.src),
})"""

_SEARCH = """(async () => {
    const box = document.querySelector("[data-md-component=search-query]");
    const toggle = document.querySelector("#__search");
    toggle.checked = true;
    toggle.dispatchEvent(new Event("change"));
    box.focus();
    box.dispatchEvent(new Event("focus"));
    box.value = "reallocate";
    box.dispatchEvent(new Event("keyup"));
    box.dispatchEvent(new Event("input"));
    for (let i = 0; i < 100; i++) {
        const found = document.querySelectorAll(".md-search-result__link");
        if (found.length) return [...found].map(a => a.href);
        await new Promise(resolve => setTimeout(resolve, 100));
    }
    return [];
})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does."""
    directory = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
         "--site-dir", str(directory)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert process.stdout + process.stderr == ""
    return directory


def test_a_page_for_each_entry_and_no_other(site):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    docs = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        for path in (ROOT / "docs").rglob("*.md")
    }
    elsewhere = {
        "404.html", "changelog.html", "contributing.html", "engines.html",
        "fine_tuning.html", "first_run.html",
    }  # fmt: skip
    assert pages == docs | elsewhere


def test_equations_are_mathml_and_none_is_left_as_latex(site):
    page = (site / "algorithm.html").read_text("utf-8")
    assert page.count("<math") > 10
    assert 'class="arithmatex"' not in page


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_a_browser_follows_every_link_and_finds_no_error(site, tmp_path, width):
    start = (site / "index.html").as_uri()
    looks = {}
    waiting = [start]
    links = set()
    with browser.tab(tmp_path) as tab:
        tab.resize(width)
        while waiting:
            url = waiting.pop()
            tab.visit(url)
            looks[url] = look = tab.evaluate(_LOOK)
            assert look["width"] <= look["room"], url
            assert not look["broken"], url
            assert not [e for e in look["requests"] if e.startswith("http")]
            assert not tab.problems, (url, tab.problems)
            for link in look["links"]:
                page, _ = urllib.parse.urldefrag(link)
                if page.startswith("file:"):
                    links.add(link)
                    if page.endswith(".html") and page not in looks:
                        waiting.append(page)
                        looks[page] = None
    seen = {path_of(url) for url in looks}
    assert seen >= set(site.rglob("*.html")) - {site / "404.html"}
    for link in links:
        page, fragment = urllib.parse.urldefrag(link)
        assert path_of(page).is_file(), link
        if fragment and page in looks:
            ids = looks[page]["ids"]
            assert urllib.parse.unquote(fragment) in ids, link


def path_of(url):
    path = urllib.parse.unquote(urllib.parse.urlparse(url).path)
    return pathlib.Path(path)


@needs_chromium
def test_search_works_from_disk(site, tmp_path):
    with browser.tab(tmp_path) as tab:
        tab.resize(WIDTHS["desktop"])
        tab.visit((site / "index.html").as_uri())
        found = tab.evaluate(_SEARCH)
        assert any("algorithm.html" in each for each in found)
        assert not tab.problems


@needs_chromium
def test_an_error_of_a_page_is_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<script>console.error('no')</script><script>x.y</script>")
    with browser.tab(tmp_path / "profile") as tab:
        tab.visit(page.as_uri())
        tab.evaluate("1")
        assert len(tab.problems) >= 2
