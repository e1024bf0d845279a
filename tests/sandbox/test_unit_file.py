"""The unit file, as systemd itself judges it."""
import pathlib, shutil, subprocess
import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
EXPOSURE = 30  # tenths; 0 = none, 100 = all

pytestmark = pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='needs systemd-analyze')


@pytest.fixture
def unit(tmp_path):
    at = tmp_path / 'thurn.service'
    at.write_text((TOP / 'etc/thurn.service').read_text().replace('@BINDIR@', str(TOP / 'build/bin')))
    return at


def test_is_valid(unit):
    r = subprocess.run(['systemd-analyze', 'verify', '--man=no', unit], capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout + r.stderr == ''


def test_exposure(unit):
    r = subprocess.run(['systemd-analyze', 'security', '--no-pager', '--offline=true', f'--threshold={EXPOSURE}', unit],
                       capture_output=True, text=True)
    assert r.returncode == 0, r.stdout
