"""Manual pages: correct mdoc, one for each program, and the generated one of all settings."""
import shutil, subprocess
import pytest
from conftest import BUILD, TESTS

TOP = TESTS.parent
PAGES = sorted(p for n in (1, 5, 8) for depth in ('*/*', '*/*/*') for p in TOP.glob(f'{depth}.{n}') if p.relative_to(TOP).parts[0] != 'build')
pytestmark = pytest.mark.skipif(not shutil.which('mandoc'), reason='needs mandoc')


def lint(page):
    return subprocess.run(['mandoc', '-Tlint', '-W', 'warning', page], capture_output=True, text=True).stdout


def test_pages():
    assert len(PAGES) > 20
    # those of other names for one program refer to its page, and are found where they are installed
    said = [lint(p) for p in PAGES if not p.read_text().startswith('.so ')]
    assert not any(said), '\n'.join(said)


def test_the_page_of_settings(tmp_path):
    page = tmp_path / 'thurn.conf.5'
    page.write_bytes(subprocess.run([BUILD / 'bin/thurn', 'config', '--mdoc'], capture_output=True, check=True).stdout)
    assert lint(page) == ''


def test_each_program_has_a_page():
    names = {p.stem for p in PAGES}
    for main in TOP.glob('*/**/main.c'):
        at = main.parent.relative_to(TOP).parts
        assert at[0] in ('build', 'tests', 'tools') or names & {f'thurn-{at[-1]}', 'thurn-' + '-'.join(at)}, main


def test_no_page_takes_the_name_of_another_package():
    assert {p.stem for p in PAGES if not p.stem.startswith('thurn-')} == {'thurn', 'sendmail', 'mailq', 'newaliases'}
