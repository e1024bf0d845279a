"""How much code is root: master and spawn with all that the linker has put into them."""
import os, pathlib, re
import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get('THURN_BUILD', TOP / 'build'))
LIMIT = 3000  # lines of code that are linked into a program that is root
BOTH = 4000  # into the two together; a new program is about 10 lines of table.c and role.c
PROGRAMS = {'master': 'master', 'master-spawn': 'master/spawn'}
LIBC_ALONE = {'libc.so.6'}


def objects(program):
    """Every object file that the linker took something from, by its map."""
    text = (BUILD / 'obj' / PROGRAMS[program] / 'link.map').read_text()
    members = re.findall(r'(\S*obj/\S+?)/lib\.a\((\w+)\.o\)', text)
    return {pathlib.Path(folder) / name for folder, name in members} | {BUILD / 'obj' / PROGRAMS[program] / 'main'}


def sources(program):
    """The .c files of these objects and all headers of ours that they include."""
    found = set()
    for o in objects(program):
        rule = (TOP / o).with_suffix('.d').read_text().replace('\\\n', ' ').splitlines()[0]
        found |= {os.path.normpath(f) for f in rule.split(':', 1)[1].split() if not f.startswith('/')}
    return found


def code_lines(file):
    """Lines that are neither blank nor comment."""
    text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group().count('\n'), (TOP / file).read_text(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip())


@pytest.mark.parametrize('program', PROGRAMS)
def test_size(program):
    lines = {f: code_lines(f) for f in sources(program)}
    assert {'lib/base/ipc.c', 'lib/base/ipc.h', 'lib/proto/boot.c', f'{PROGRAMS[program]}/main.c'} <= set(lines)
    assert not [f for f in lines if 'setting' in f or f.endswith('/conf.c')], 'settings are not parsed as root'
    code = {f: n for f, n in lines.items() if f.endswith('.c')}
    print(f'{program}: {sum(code.values())} lines of code, {sum(lines.values())} with the headers')
    assert sum(code.values()) < LIMIT, sorted(code.items(), key=lambda i: -i[1])


def test_all_that_is_root():
    """Both together; printed (pytest -s) for whoever wants to see where it goes."""
    files = sources('master') | sources('master-spawn')
    for f in sorted(files):
        print(f'{code_lines(f):5} {f}')
    print(f'{sum(map(code_lines, files)):5} in all')
    assert sum(code_lines(f) for f in files if f.endswith('.c')) < BOTH


@pytest.mark.parametrize('program', PROGRAMS)
def test_libraries(program):
    """Nothing is loaded into a root process but the C library."""
    elf = (BUILD / 'libexec' / program).read_bytes()
    names = set(re.findall(rb'lib[a-z_0-9+-]+\.so\.[0-9.]+', elf))
    assert {n.decode() for n in names} == LIBC_ALONE
