"""Lookup tables, aliases and access rules with the real programs: what is refused, what is rewritten, and that a
table that cannot answer defers mail and harms nobody else. Numbers are those of the list of bad inputs."""
import os, re, smtplib, subprocess, time
import pytest
from conftest import Suite

ALIASES = r'''
root: user1@example.test
list: user1@example.test, "User Two" <user2@example.test> (both of them)
owner-list: root
loop: loop2
loop2: loop
pipe: "|/bin/cat"
file: /var/mail/x
members: :include:members
circle: :include:circle
outside: :include:/etc/passwd
many: :include:many
crowd: :include:crowd
back: \user1@example.test, other@mx.example.test
'''
CONF = '''
local_domains = {"mx.example.test"}
virtual_alias_domains = {"alias.test"}
relay_domains = {"relay.test"}
relay_recipient_maps = {"inline:{known@relay.test=yes}"}
alias_maps = {"hash:aliases"}
virtual_alias_maps = {"texthash:virtual"}
transport_maps = {"lmdb:transport"}
recipient_access = {"pcre:rcpt"}
sender_access = {"btree:senders"}
client_access = {"cidr:clients"}
alias_expansion_limit = 1000
postmaster = "user2@example.test"
'''
STRANGER = '127.5.5.5'  # trusted_networks is 127.0.0.0/16 here


class Tables(Suite):
    def __init__(self):
        super().__init__(conf=CONF + 'trusted_networks = {"127.0.0.0/16"}\n')
        self.dir = self.top / 'table'
        self.dir.mkdir(mode=0o755)
        self.write('aliases', ALIASES.lstrip(), 'hash', '-t')
        self.write('virtual', 'info@example.test user2@example.test\n@alias.test user1@example.test\n')
        self.write('transport', 'hole.test discard:\nfar.test error:5.1.2 no such place\n', 'lmdb')
        self.write('rcpt', '/^spam/ REJECT no spam\n')
        self.write('senders', 'bad.example 550 5.7.27 not you\n<> OK\n', 'btree')
        self.write('clients', '127.9.0.0/16 554 5.7.1 your network\n')
        self.write('members', '# members, of the list\nuser1@example.test\nuser2@example.test\n')
        self.write('circle', 'user1@example.test\n:include:circle\n')
        self.write('crowd', ''.join(f'a.rather.long.name.{i}@hole.test\n' for i in range(900)))
        self.write('many', ''.join(f'user{i}@relay.test\n' for i in range(2000)))

    def write(self, name, text, kind=None, *options):
        """A new text, renamed into place, and what is built of it."""
        new = self.dir / (name + '.edit')
        new.write_text(text)
        new.rename(self.dir / name)
        if kind:
            self.map(*options, f'{kind}:{self.dir / name}')

    def map(self, *args, **kw):
        return subprocess.run([self.build / 'bin/thurn', 'map', *map(str, args)], capture_output=True, text=True,
                              timeout=120, **kw)

    def rcpt(self, *to, sender='a@client.test', source=STRANGER):
        """The reply to the last of these recipients."""
        with smtplib.SMTP(self.host, self.smtp_port, timeout=20, source_address=(source, 0)) as s:
            s.ehlo('client.test')
            code, text = s.mail(sender)
            for one in to:
                if code == 250:
                    code, text = s.rcpt(one)
            return code, text.decode()

    def becomes(self, to, code, seconds=10):
        self.wait_for(lambda: self.rcpt(to)[0] == code, seconds)

    def delivered(self, subject):
        return [p.read_text() for n in range(2) for p in self.messages(n) if f'Subject: {subject}\n' in p.read_text()]


@pytest.fixture(scope='module')
def tables():
    s = Tables()
    try:
        yield s.start()
    finally:
        s.close()


@pytest.mark.parametrize('to, code', [
    ('user1@example.test', '250'), ('USER1+tag@Example.Test', '250'), ('nobody@example.test', '550 5.1.1'),
    ('root@mx.example.test', '250'), ('list@mx.example.test', '250'), ('nobody@mx.example.test', '550 5.1.1'),
    ('info@example.test', '250'), ('anything@alias.test', '250'), ('known@relay.test', '250'),
    ('unknown@relay.test', '550 5.1.1'), ('user@else.test', '554 5.7.1'), ('spam@example.test', '554 5.7.1'),
    ('postmaster@example.test', '250'), ('postmaster', '250'),
    # 20, 22, 23
    ('"|sh -c id"@example.test', '550 5.1.1'), ('<@a.test,@b.test:user@else.test>', '554 5.7.1'),
    ('user%else.test@example.test', '550 5.7.1'), ('else.test!user@example.test', '550 5.7.1'),
    ('"user@else.test"@example.test', '550 5.7.1')])
def test_recipients(tables, to, code):
    assert ' '.join(map(str, tables.rcpt(to))).startswith(code)


def test_relay_for_trusted_only(tables):
    assert tables.rcpt('user@else.test', source='127.0.0.1')[0] == 250
    assert tables.rcpt('user@else.test')[0] == 554


def test_sender_and_client_rules(tables):
    code, text = tables.rcpt('user1@example.test', sender='x@sub.bad.example')
    assert (code, text) == (550, '5.7.27 not you')
    assert tables.rcpt('user1@example.test', sender='')[0] == 250
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        tables.rcpt('user1@example.test', source='127.9.1.1')
    assert refused.value.smtp_code == 554
    tables.wait_for(lambda: [e for e in tables.logged('rcpt-refused')
                             if e['fields'].get('rule') == 'btree:senders(bad.example)'])


def test_aliases_reach_their_targets(tables):
    tables.send('to a list', ['list@mx.example.test'])
    tables.wait_for(lambda: len(tables.delivered('to a list')) == 2)
    for text in tables.delivered('to a list'):
        assert text.startswith('Return-Path: <owner-list@mx.example.test>')
    tables.send('to members', ['members@mx.example.test'])
    tables.wait_for(lambda: len(tables.delivered('to members')) == 2)
    tables.send('to info', ['info@example.test', 'user2@example.test', 'anything@alias.test'])
    tables.wait_for(lambda: len(tables.delivered('to info')) >= 2)


@pytest.mark.parametrize('name, dsn', [('loop', '5.4.6'), ('circle', '5.4.6'), ('pipe', '5.3.5'), ('file', '5.3.5'),
                                       ('outside', '4.3.0'), ('many', '4.3.5')])
def test_bad_aliases(tables, name, dsn):
    """76, 77, 78: loops bounce once, commands and files are refused, what is too large or not readable waits."""
    before = len(tables.events('report-made'))
    tables.send(f'bad alias {name}', [f'{name}@mx.example.test'], sender='user1@example.test')
    found = tables.wait_for(lambda: [e for e in tables.logged('bounced') + tables.logged('deferred')
                                     if e['fields']['dsn'] == dsn and name in str(e['fields'])])
    assert len(found) == 1
    if dsn[0] == '5':
        tables.wait_for(lambda: len(tables.logged('report-made')) == before + 1)
    for e in tables.events('deferred'):
        tables.tool('queue', 'delete', e['queue'], check=False)


def test_long_answer(tables):
    """What a list expands to does not fit into one packet."""
    tables.send('to a crowd', ['crowd@mx.example.test'])
    tables.wait_event('expanded', nrcpt=900)
    tables.wait_for(lambda: len([e for e in tables.logged('delivered') if e['fields']['to'].startswith('a.rather')]) == 900)


def test_accounts_are_out_of_reach(tables):
    """Without the account service nobody is told that an account does not exist."""
    pid = [l.split()[2] for l in tables.tool('status').stdout.splitlines() if l.startswith('auth ')][0]
    assert tables.rcpt('user1@example.test')[0] == 250
    os.kill(int(pid), 19)
    try:
        assert tables.rcpt('user1@example.test')[0] == 250  # remembered
        assert tables.rcpt('stranger@example.test')[0] == 451
    finally:
        os.kill(int(pid), 18)
    assert tables.rcpt('stranger@example.test')[0] == 550
    tables.tool('user', 'add', '--password-stdin', 'stranger@example.test', input='secret\n')
    assert tables.rcpt('stranger@example.test')[0] == 250  # told at once
    tables.tool('user', 'delete', 'stranger@example.test')
    assert tables.rcpt('stranger@example.test')[0] == 550


def test_rules_of_transport(tables):
    tables.send('into the hole', ['x@hole.test'])
    tables.wait_event('delivered', to='x@hole.test')
    tables.send('far', ['x@far.test'], sender='')
    e = tables.wait_event('bounced', to='x@far.test')[0]
    assert e['fields']['dsn'] == '5.1.2' and e['fields']['rule'] == 'lmdb:transport(far.test)'


def test_change_is_noticed(tables):
    assert tables.rcpt('new@mx.example.test')[0] == 550
    tables.write('aliases', ALIASES.lstrip() + 'new: root\n', 'hash', '-t')
    tables.becomes('new@mx.example.test', 250)
    tables.write('virtual', (tables.dir / 'virtual').read_text() + 'fresh@example.test user1@example.test\n')
    tables.becomes('fresh@example.test', 250)


def test_damaged_table(tables):
    """81: a bit flipped or the end cut off: 451 for what needs it, and the process lives."""
    pid = [l.split()[2] for l in tables.tool('status').stdout.splitlines() if l.startswith('lookup ')]
    file, good = tables.dir / 'aliases.db', (tables.dir / 'aliases.db').read_bytes()
    for damage in (good[:5000] + bytes([good[5000] ^ 4]) + good[5001:], good[:6000], b'', good[:20] + b'\0' * 8 + good[28:]):
        new = tables.dir / 'damage'
        new.write_bytes(damage)
        new.rename(file)
        tables.becomes('nobody@mx.example.test', 451)
        assert tables.rcpt('user1@example.test')[0] == 250
    tables.wait_event('table-failed', table='hash:aliases')
    tables.map('-t', f'hash:{tables.dir / "aliases"}')
    tables.becomes('nobody@mx.example.test', 550)
    assert pid == [l.split()[2] for l in tables.tool('status').stdout.splitlines() if l.startswith('lookup ')]


def test_unsafe_table(tables):
    """80: others may write: it is not read."""
    os.chmod(tables.dir / 'virtual', 0o666)
    tables.write('virtual', (tables.dir / 'virtual').read_text())
    os.chmod(tables.dir / 'virtual', 0o666)
    tables.becomes('user1@example.test', 451)
    os.chmod(tables.dir / 'virtual', 0o644)
    tables.becomes('user1@example.test', 250)


def test_evil_pattern(tables):
    """82: a pattern that would take for ever defers and is named."""
    assert tables.rcpt('a' * 60 + '@example.test')[0] == 550
    tables.write('rcpt', '/^spam/ REJECT no spam\n/^(a+)+$/ REJECT evil\n')
    tables.becomes('a' * 60 + '@example.test', 451)
    tables.wait_event('table-failed', table='pcre:rcpt:2')
    assert tables.rcpt('user1@example.test')[0] == 250


def test_half_written(tables):
    """79: what is written in place is not read by halves."""
    file = tables.dir / 'virtual'
    whole = file.read_text() + ''.join(f'more{i}@example.test user1@example.test\n' for i in range(1000))
    with open(file, 'w', buffering=1) as f:
        f.write(whole[:200] + '\n')
        for _ in range(6):
            time.sleep(0.25)
            f.write('\n')
            assert tables.rcpt('info@example.test')[0] == 250
        f.seek(0)
        f.write(whole)
    tables.becomes('more999@example.test', 250)


def test_reload_refuses_faults(tables):
    conf = open(tables.conf).read()
    try:
        for fault, words in ((re.sub(r'mailbox_domains = .*', 'mailbox_domains = {"example.test", "relay.test"}', conf),
                              'relay.test is already in mailbox_domains'),
                             (conf.replace('texthash:virtual', 'texthash:absent'), 'absent: No such file')):
            open(tables.conf, 'w').write(fault)
            out = tables.tool('reload', check=False)
            assert out.returncode != 0 and re.search(r'thurn.conf:\d+', out.stderr) and words in out.stderr, out.stderr
            assert tables.rcpt('user1@example.test')[0] == 250
    finally:
        open(tables.conf, 'w').write(conf)


# --- thurn map, which scripts know as postmap ---------------------------------------------------

@pytest.fixture
def postmap(tmp_path, tables):
    link = tmp_path / 'bin' / 'postmap'
    link.parent.mkdir()
    link.symlink_to(tables.build / 'bin/thurn')
    (link.parent / 'postalias').symlink_to(tables.build / 'bin/thurn')
    work = tmp_path / 'work'
    work.mkdir()

    def run(*args, stdin='', tool='postmap'):
        out = subprocess.run([link.parent / tool, *args], cwd=work, input=stdin, capture_output=True, text=True, timeout=60)
        return out.returncode, out.stdout, out.stderr
    run.work = work
    return run


@pytest.mark.parametrize('kind', ['hash', 'btree', 'lmdb'])
def test_postmap(postmap, kind):
    text = postmap.work / 'v'
    text.write_text('# c\nAlice@Ex.org  bob, carol\n  dave\n"a b"@x   y\nalone\n\nd 1\nd 2\nend  x\n')
    text.chmod(0o640)
    code, out, err = postmap(f'{kind}:v')
    assert (code, out) == (0, '')
    assert err.splitlines()[0] == 'postmap: warning: v, line 5: expected format: key whitespace value'
    assert re.fullmatch(r'postmap: warning: v\.(lm)?db: duplicate entry: "d"', err.splitlines()[1])
    file = postmap.work / ('v.lmdb' if kind == 'lmdb' else 'v.db')
    assert file.stat().st_mode & 0o777 == 0o640 and len(list(postmap.work.iterdir())) == 2
    name = f'{kind}:v'
    assert sorted(postmap('-s', name)[1].splitlines()) == ['"a b"@x\ty', 'alice@ex.org\tbob, carol  dave', 'd\t1', 'end\tx']
    assert postmap('-q', 'ALICE@ex.org', name) == (0, 'bob, carol  dave\n', '')
    assert postmap('-q', 'none', name) == (1, '', '')
    assert postmap('-f', '-q', 'ALICE@ex.org', name)[0] == 1
    assert postmap('-q', '-', name, stdin='d\nnone\nend\n') == (0, 'd\t1\nend\tx\n', '')
    assert postmap('-q', '-', name, stdin='none\n') == (1, '', '')
    assert [postmap('-d', 'd', name)[0] for _ in range(2)] == [0, 1]
    assert postmap('-d', '-', name, stdin='none\nend\n')[0] == 0
    assert postmap('-i', name, stdin='new val\nalice@ex.org other\n')[0] == 0
    assert postmap('-q', 'alice@ex.org', name)[1] == 'bob, carol  dave\n'
    assert postmap('-ir', name, stdin='new val2\n') == (0, '', '')
    assert postmap('-q', 'new', name)[1] == 'val2\n'
    assert postmap('-w', name)[2].count('duplicate') == 0
    assert file.stat().st_mode & 0o777 == 0o640


def test_postmap_other_types(postmap):
    (postmap.work / 'p').write_text('/(.*)x/ <$1>\n')
    assert postmap('-q', 'abx', 'regexp:p') == (0, '<ab>\n', '')
    assert postmap('-q', 'a', 'inline:{a=b}', 'static:z') == (0, 'b\n', '')
    assert postmap('regexp:p')[0] == 1 and postmap('-q', 'a', 'bogus:p')[0] == 1 and postmap('absent')[0] == 1
    assert postmap()[0] == 1 and postmap('-Z', 'p')[0] == 1 and postmap('-s', '-q', 'x', 'p')[0] == 1
    assert len(list(postmap.work.iterdir())) == 1


def test_postalias(postmap):
    (postmap.work / 'a').write_text('root: me\n"jo e" : x\nbad@x: y\nnocolon\nlist: a,\n b\n')
    code, out, err = postmap('a', tool='postalias')
    assert code == 0 and 'a, line 3: name must be local' in err and 'a, line 4: need name:value pair' in err
    out = sorted(l for l in postmap('-s', 'a', tool='postalias')[1].splitlines() if not l.startswith('YP_'))
    assert out == ['@:\t@', 'jo e:\tx', 'list:\ta, b', 'root:\tme']


def test_newaliases(tables):
    tables.write('aliases', ALIASES.lstrip() + 'newest: root\n')
    out = subprocess.run([tables.build / 'bin/thurn', '-c', tables.conf, 'map', '-t', 'hash:aliases'], text=True,
                         env=dict(os.environ, THURN_LIBEXEC=str(tables.build / 'libexec')), capture_output=True)
    assert (out.returncode, out.stdout, out.stderr) == (0, '', '')
    tables.becomes('newest@mx.example.test', 250)
