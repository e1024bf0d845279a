"""thurn map beside Postfix's own postmap (of Debian's package, unpacked into a private root): the same arguments, the
same output, messages and exit status. Skipped where the package cannot be had."""
import concurrent.futures, os, random, subprocess, sys
import pytest
from conftest import BUILD, TESTS
sys.path.insert(0, str(TESTS))
import peers

ALIASES = '''root: me
list: a,
 b
"jo e": x
nocolon
bad@x: y
'''
MESSAGES = {
    'plain': 'Subject: hello\nX-Foo: one\n two\n\nbody line\n\nend\n',
    'multi': 'Subject: hello\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\nContent-Type: text/plain\n'
             'X-Long: a\n\tb\n\npart a\n--b\nContent-Type: message/rfc822\n\nSubject: nested\n\nhi\n--b--\nafter\n',
    'no header': 'From x y\nSubject: a\nnot a header\n\nbody\n',
    'blank first': ' x\nSubject: a\n\tb\n\n\n',
    'broken inside': 'Subject: a\nContent-Type: message/rfc822\n\nX: 1\nbroken\n\nz',
    'header only': 'Subject: a\nTo: b\n c\n',
    'empty': '', 'one empty line': '\n',
    'nested': 'Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary="i i"\n\n'
              '--i i\n\nno header\n--i i\nX: y\n\nx\n--i i--\n--o\nA: b\n\nlast\n--o--\n',
    'unclosed': 'Content-Type: multipart/mixed; boundary=o\n\n--o\nX: y\n',
}


@pytest.fixture(scope='module')
def theirs():
    root = peers.root('postfix')
    if root is None:
        pytest.skip('no Postfix to compare with')
    return root


@pytest.fixture
def both(theirs, tmp_path):
    """Runs a tool of Postfix and ours of the same name, each in a folder of its own: the two results."""
    etc, mine = tmp_path / 'etc', tmp_path / 'bin'
    etc.mkdir(), mine.mkdir()
    sbin = theirs / 'usr/sbin'
    # names of users and groups that every Debian has; nothing runs under them here
    (etc / 'main.cf').write_text(f'compatibility_level = 3.6\nmail_owner = uucp\nsetgid_group = news\ndefault_privs = nobody\n'
                                 f'queue_directory = {tmp_path}/spool\ndata_directory = {tmp_path}/data\n'
                                 f'daemon_directory = {theirs}/usr/lib/postfix/sbin\ncommand_directory = {sbin}\n')
    (etc / 'master.cf').write_text('')
    work = {}
    for side in ('theirs', 'ours'):
        work[side] = tmp_path / side
        work[side].mkdir()
    for name in ('postmap', 'postalias'):
        (mine / name).symlink_to(BUILD / 'bin/thurn')

    def run(tool, *args, stdin=b''):
        out = []
        for side, where, env in (('theirs', sbin, dict(peers.run_env(theirs), MAIL_CONFIG=str(etc))),
                                 ('ours', mine, dict(os.environ, THURN_LIBEXEC=str(BUILD / 'libexec')))):
            r = subprocess.run([where / tool, *args], cwd=work[side], env=env, input=stdin, capture_output=True, timeout=60)
            out.append((r.returncode, r.stdout, r.stderr.decode(errors='replace')))
        return out

    def same(tool, *args, sort=False, messages=True, **kw):
        one, two = run(tool, *args, **kw)
        if sort:
            one, two = [(r, sorted(o.splitlines()), e) for r, o, e in (one, two)]
        if not messages:
            one, two = one[:2], two[:2]
        assert two == one, (tool, args)
        return one

    def write(name, data):
        for side in work.values():
            (side / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    same.write, same.work, same.run = write, work, run
    return same


@pytest.mark.parametrize('kind', ['hash', 'btree'])
def test_make_and_ask(both, kind):
    both.write('v', 'Alice@Ex.org  bob, carol\n  dave\n# c\n"a b"@x   y\nalone\n\nd 1\nD 2\nend  x\n')
    name = f'{kind}:v'
    both('postmap', name)
    both('postmap', '-s', name, sort=True)
    for key in ('ALICE@ex.org', 'none', '', 'd', '"A b"@X'):
        both('postmap', '-q', key, name)
    both('postmap', '-f', '-q', 'ALICE@ex.org', name)
    both('postmap', '-q', '-', name, stdin=b'd\n\nnone\nEND\n')
    both('postmap', '-q', '-', name, stdin=b'none\n')
    both('postmap', '-i', name, stdin=b'new val\nd other\n')
    both('postmap', '-ir', name, stdin=b'new val2\n')
    both('postmap', '-d', 'D', name)
    both('postmap', '-d', 'D', name)
    both('postmap', '-d', '-', name, stdin=b'none\nend\n')
    both('postmap', '-s', name, sort=True)
    both('postmap', '-w', name), both('postmap', '-r', name)
    for options in ('-f', '-N', '-n', '-p', '-o'):
        both('postmap', options, name)
        both('postmap', '-s', name, sort=True)
    for side in both.work.values():
        (side / 'v').rename(side / 'w')
        (side / 'w').chmod(0o640)
    both('postmap', f'{kind}:w')
    assert [(side / 'w.db').stat().st_mode & 0o777 for side in both.work.values()] == [0o640] * 2


def test_foreign_letters(both):
    """Keys are UTF-8, and their case does not matter; -u takes anything."""
    both.write('u', 'ÄB@x.org  Value\nStraße@x  s\n'.encode() + b'bad\xff  x\nok  va\xfflue\n')
    both('postmap', 'hash:u')
    both('postmap', '-s', 'hash:u', sort=True)
    for key in ('äb@x.org', 'ÄB@X.ORG', 'STRASSE@x'):
        both('postmap', '-q', key, 'hash:u')
    both('postmap', '-U', 'hash:u')
    both('postmap', '-u', 'hash:u')
    both('postmap', '-u', '-s', 'hash:u', sort=True)
    both('postmap', '-u', '-q', b'BAD\xff', 'hash:u')


def test_values_are_files(both):
    """-F: the table has what is in the files."""
    both.write('one', 'first\n'), both.write('two', b'\0\1\xff'), both.write('empty', '')
    both.write('f', 'k one, two\nk2 one\nk3 nofile\nk4 one two,one\n')
    both('postmap', '-F', 'hash:f')
    both('postmap', '-s', 'hash:f', sort=True)
    for key in ('k', 'k2', 'k3', 'K4'):
        both('postmap', '-F', '-q', key, 'hash:f')
        both('postmap', '-q', key, 'hash:f')
    both('postmap', '-F', '-q', '-', 'hash:f', stdin=b'k\nk2\n')
    both('postmap', '-F', '-i', 'hash:f', stdin=b'k5 two\n')
    both('postmap', '-F', '-s', 'hash:f', sort=True)
    both.write('g', 'a notb64!\n')
    both('postmap', 'hash:g')
    # Postfix names the file where we name the table
    assert [r[0] for r in both.run('postmap', '-F', '-q', 'a', 'hash:g')] == [1, 1]
    assert 'malformed BASE64 value: notb64!' in both.run('postmap', '-F', '-s', 'hash:g')[1][2]


@pytest.mark.parametrize('name', MESSAGES)
def test_message_as_keys(both, name):
    """-h, -b, -m: the keys that header_checks and body_checks would be asked."""
    both.write('all', '/^$/ EMPTY\n/^([^\\n]*)$/ <$1>\n/./ LINES\n')
    for options in ('-h', '-b', '-hb', '-hm', '-bm', '-hbm', '-m'):
        both('postmap', options, '-q', '-', 'regexp:all', stdin=MESSAGES[name].encode())


def part(rng, depth):
    """A part of a message: a header with perhaps a type, and what that type has inside."""
    fields = rng.choices(['Subject: a', 'X: b\n folded\n\tmore', 'To: c'], k=rng.randint(1, 3))
    text = '\n'.join(rng.choices(['text', '', '--', '--x', 'Subject: in a body', ' blank'], k=rng.randint(0, 4)))
    kind = rng.choice(['multipart', 'message', 'text', 'none']) if depth < 4 else 'none'
    if kind == 'multipart':
        b = f'b{depth}{rng.randint(0, 9)}'
        fields.insert(rng.randint(0, len(fields)), f'Content-Type: multipart/mixed;\n boundary={b}')
        text += ''.join(f'\n--{b}\n' + part(rng, depth + 1) for _ in range(rng.randint(1, 3))) + f'\n--{b}--\nafter'
    elif kind == 'message':
        fields.append('Content-Type: message/rfc822')
        text = part(rng, depth + 1)
    elif kind == 'text':
        fields.insert(0, 'Content-Type: text/plain')
    return '\n'.join(fields) + '\n\n' + text


def test_messages_at_random(both):
    """The same with messages made of pieces that matter: lines in any order, and parts inside each other."""
    lines = ['Subject: a', ' folded', '', '', 'text', '--b', 'Content-Type: text/plain', 'no field', '\ttab', ': odd', 'X:']
    both.write('all', '/^$/ EMPTY\n/./ LINE\n')
    rng = random.Random(11)
    for _ in range(50):
        text = '\n'.join(rng.choices(lines, k=rng.randint(1, 25))) + '\n'
        both('postmap', rng.choice(['-h', '-b', '-hb']), '-q', '-', 'regexp:all', stdin=text.encode())
        both('postmap', rng.choice(['-hm', '-bm', '-hbm']), '-q', '-', 'regexp:all', stdin=(part(rng, 0) + '\n').encode())


MISUSES = [(), ('-q', 'a'), ('-sq', 'a', 'hash:v'), ('-s', '-d', 'x', 'hash:v'), ('absent',),
           ('hash:absent',), ('-q', 'x', 'hash:absent'), ('-s', 'hash:absent'), ('-d', 'x', 'hash:absent'),
           ('regexp:v',), ('bogus:v',), ('-h', '-q', 'x', 'hash:v'), ('-b', 'hash:v'),
           ('-bs', 'hash:v'), ('-i', '-q', 'x', 'hash:v'), ('-m', '-q', '-', 'hash:v'), ('-Z', 'v'),
           ('-q',), ('-d', 'a', 'regexp:v'), ('-q', 'a', 'bogus:v'), ('-r', '-q', 'a', 'hash:v')]


def test_misuse(both):
    """The same status, and a reason where Postfix has one (which waits a second after that, so all at once)."""
    both.write('v', 'a b\n')
    both('postmap', 'hash:v')
    with concurrent.futures.ThreadPoolExecutor(len(MISUSES)) as pool:
        for args, (one, two) in zip(MISUSES, pool.map(lambda args: both.run('postmap', *args), MISUSES)):
            assert two[:2] == one[:2], args
            assert ('fatal: ' in two[2]) == ('fatal: ' in one[2]), (one, two)


def test_postalias(both):
    both.write('a', ALIASES)
    both('postalias', 'hash:a')
    one, two = both.run('postalias', '-s', 'hash:a')
    lines = [sorted(l for l in out.splitlines() if not l.startswith(b'YP_')) for _, out, _ in (one, two)]
    assert lines[0] == lines[1]
    for key in ('list', 'LIST', 'jo e', '@', 'none'):
        both('postalias', '-q', key, 'hash:a')
    both('postalias', '-q', '-', 'hash:a', stdin=b'list\nroot\n')
    both('postalias', '-d', 'list', 'hash:a')
    both('postalias', '-i', 'hash:a', stdin=b'more: me\n')
    both('postalias', '-q', 'more', 'hash:a')


def test_tables_of_each_other(both):
    """What one makes the other reads."""
    both.write('v', ''.join(f'key{i}@example.org value {i}\n' for i in range(3000)) + 'long ' + 'x' * 9000 + '\n')
    both('postmap', 'hash:v')
    ours, other = both.work['ours'] / 'v.db', both.work['theirs'] / 'v.db'
    a, b = ours.read_bytes(), other.read_bytes()
    ours.write_bytes(b), other.write_bytes(a)
    for key in ('key0@example.org', 'KEY2999@example.org', 'long', 'key3000@example.org'):
        both('postmap', '-q', key, 'hash:v', messages=False)
    both('postmap', '-s', 'hash:v', sort=True, messages=False)


def test_networks(both):
    """What a rule of one family says of the other: nothing, also when it is turned round."""
    both.write('c', '!127.0.0.0/8 outside\n2001:db8::/32 six\nif !10.0.0.0/8\n0.0.0.0/0 four\n::/0 any6\nendif\n'
                    'if ::/0\n!2001:db9::/32 other\nendif\n')
    for key in ('127.0.0.1', '10.1.1.1', '192.0.2.1', '2001:db8::1', '2001:db9::1', '::1', '::ffff:127.0.0.1'):
        both('postmap', '-q', key, 'cidr:c')
