"""A taken-over process of each role tries every step of probe.c; allowed.txt says what may succeed."""
import os, pathlib, shutil, subprocess, tempfile
import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get('THURN_BUILD', HERE.parent.parent / 'build'))
NOBODY = 65534


def allowed():
    always, unprivileged = set(), set()
    for line in (HERE / 'allowed.txt').read_text().splitlines():
        words = line.partition('#')[0].split()
        if words:
            (unprivileged if words[2:] == ['unprivileged'] else always).add(tuple(words[:2]))
    return always, unprivileged


def probe(as_root):
    top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-probe-'))
    top.chmod(0o777)
    command = [BUILD / 'test/sandbox/probe', top]
    if os.geteuid() == 0 and not as_root:
        program = shutil.copy(command[0], top / 'probe')
        command = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', program, top]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return [l.split() for l in out.splitlines()]


def check(results, may):
    steps = {s for _, s, _ in results}
    roles = {r for r, _, _ in results}
    assert len(steps) >= 60 and len(roles) >= 10
    assert not [r for r in results if r[2] == 'unconfined']
    found = {(r, s) for r, s, what in results if what == 'ALLOWED'}
    assert found - may == set(), 'allowed, but not listed in allowed.txt'
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_started_by_root():
    always, _ = allowed()
    found = check(probe(True), always)
    assert ('deliver-maildir', 'fsuid_mailbox') in found  # the probe does see what is allowed


def test_started_by_a_user():
    always, unprivileged = allowed()
    found = check(probe(False), always | unprivileged)
    assert ('queue', 'memfd') in found
