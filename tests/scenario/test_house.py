"""What ARCHITECTURE.md says of the tree, and the manual pages, against the tree itself."""
import itertools, re, shutil, subprocess
import pytest
from conftest import BUILD, TESTS

TOP = TESTS.parent
# a folder of lib may include itself and what is on a lower floor
FLOORS = {'base': 0, 'net': 1, 'mail': 1, 'table': 2, 'store': 2, 'proto': 3}


def tree(*endings):
    """Files of ours, but for what is built."""
    found = itertools.chain.from_iterable((TOP / d).rglob('*' + e) for e in endings
                                          for d in ('deliver', 'imapd', 'lib', 'master', 'queue', 'services', 'smtpd', 'tools', 'etc', 'tests'))
    return sorted(p.relative_to(TOP) for p in found)


def included(file):
    return re.findall(r'^#include "(.*?)"', (TOP / file).read_text(), re.M)


def test_includes_point_down():
    wrong = []
    for file in tree('.c', '.h'):
        if file.parts[0] == 'tests':
            continue
        for name in included(file):
            library = name.split('/')[0] if '/' in name else None
            if library is None:
                good = (TOP / file.parent / name).exists()
            elif file.parts[0] == 'lib':
                good = library == file.parts[1] or FLOORS[library] < FLOORS[file.parts[1]]
            else:
                good = library in FLOORS
            if not good:
                wrong.append(f'{file}: {name}')
    assert not wrong


def test_every_folder_has_its_place():
    text = (TOP / 'ARCHITECTURE.md').read_text()
    table = set(re.findall(r'`([\w/]+?)/?`', ' '.join(l.split('|')[1] for l in text.splitlines() if l.startswith('| `'))))
    folders = {str(f.parent) for f in tree('.c', '.conf')}
    lost = {f for f in folders if f not in table and f.split('/')[0] not in {'tests', 'tools', 'etc'} & table}
    assert not lost
    assert not {t for t in table if not (TOP / t).is_dir()}


def test_every_file_of_the_queue_has_its_place():
    text = (TOP / 'ARCHITECTURE.md').read_text().partition('The files of `queue/`')[2].partition('\n## ')[0]
    told = [name for row in re.findall(r'^\| .* \| (.*) \|$', text, re.M) if row != 'files' for name in row.split(', ')]
    assert sorted(told) == sorted(p.stem for p in (TOP / 'queue').glob('*.c') if p.stem not in ('main', 'settings'))


def pages():
    """Each by its name and section; that of the configuration is made from the table of settings."""
    found = {tuple(p.name.rsplit('.', 1)): TOP / p for p in tree('.1', '.5', '.8')}
    return found


@pytest.mark.skipif(not shutil.which('mandoc'), reason='needs mandoc')
def test_pages(tmp_path):
    (tmp_path / 'thurn.conf.5').write_bytes(subprocess.run([BUILD / 'bin/thurn', 'config', '--mdoc'], check=True, capture_output=True).stdout)
    every = pages() | {('thurn.conf', '5'): tmp_path / 'thurn.conf.5'}
    whole = [p for p in every.values() if not p.read_text().startswith('.so ')]
    lint = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', *whole], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout
    theirs = {('PAM', '7'), ('crypt', '5'), ('maildir', '5'), ('nsswitch.conf', '5'), ('qshape', '1'), ('sysexits', '3'), ('syslogd', '8'),
              ('transport', '5')}
    referred = {x for p in every.values() for x in re.findall(r'\bXr (\S+) (\d)', p.read_text())}
    assert referred - every.keys() - theirs == set()
    assert every.keys() - referred == set()
