"""That no example of docs/ecosystem.md is without its test."""

import pathlib

from tests.ecosystem.documented import sections


def test_every_section_with_an_example_is_run_by_a_test():
    folder = pathlib.Path(__file__).parent
    tests = "".join(path.read_text() for path in folder.glob("test_*.py"))
    titles = [title for title, text in sections().items() if title]
    assert len(titles) == 8
    for title in titles:
        assert f'"{title}"' in tests, title
        assert "```python" in sections()[title], title
