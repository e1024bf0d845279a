"""thurn user, and what becomes of accounts."""
import json, os, pathlib, signal, stat, subprocess
import imaplib
import pytest


def users(suite):
    return {a['address']: a for a in map(json.loads, suite.tool('user', 'list', '--json').stdout.splitlines())}


def log_in(suite, address, password):
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    try:
        m.login(f'"{address}"', password)
        m.logout()
        return True
    except imaplib.IMAP4.error:
        m.shutdown()
        return False


def add(suite, address, password, **kw):
    return suite.tool('user', 'add', '--password-stdin', address, input=password + '\n', **kw)


def test_add_and_list(suite):
    add(suite, 'Carol.X@Example.TEST', 'a b "c" {d}')
    account = users(suite)['carol.x@example.test']
    assert account['home'] == 'example.test/carol.x' and account['quota'] == 0
    assert log_in(suite, 'carol.x@example.test', 'a b "c" {d}')
    assert log_in(suite, 'CAROL.X@EXAMPLE.TEST', 'a b "c" {d}')
    home = suite.top / 'mail' / account['home']
    for d in (home, home / 'Maildir', *(home / 'Maildir' / x for x in ('tmp', 'new', 'cur'))):
        st = d.stat()
        assert stat.S_IMODE(st.st_mode) == 0o700 and st.st_uid == account['uid']
    assert 'carol.x@example.test' in suite.tool('user', 'list').stdout
    if os.geteuid() == 0:
        uids = [a['uid'] for a in users(suite).values()]
        assert len(set(uids)) == len(uids) and min(uids) >= 1879048192


def test_passwd(suite):
    add(suite, 'dave@example.test', 'one')
    suite.tool('user', 'passwd', '--password-stdin', 'dave@example.test', input='two\n')
    assert not log_in(suite, 'dave@example.test', 'one')
    assert log_in(suite, 'dave@example.test', 'two')
    assert suite.tool('user', 'passwd', '--password-stdin', 'nobody@example.test', input='x\n', check=False).returncode == 67


@pytest.mark.parametrize('hash_command', [['openssl', 'passwd', '-6', 'secret'], None])
def test_ready_made_hashes(suite, hash_command):
    # the second is bcrypt of U*U, out of the test vectors of crypt_blowfish
    value = subprocess.run(hash_command, capture_output=True, text=True, check=True).stdout.strip() if hash_command else \
        '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
    name = f'hash{len(value)}@example.test'
    add(suite, name, '{CRYPT}' + value)
    assert log_in(suite, name, 'secret' if hash_command else 'U*U')
    assert not log_in(suite, name, '{CRYPT}' + value)
    assert add(suite, 'x' + name, '{CRYPT}nonsense', check=False).returncode == 65


def test_delete_keeps_the_mail_and_gives_it_to_nobody(suite):
    add(suite, 'erin@example.test', 'one')
    old = users(suite)['erin@example.test']
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    m.login('erin@example.test', 'one')
    m.append('INBOX', None, None, b'Subject: private\r\n\r\n')
    m.logout()
    suite.tool('user', 'delete', 'erin@example.test')
    assert 'erin@example.test' not in users(suite)
    assert not log_in(suite, 'erin@example.test', 'one')
    assert any((suite.top / 'mail' / old['home'] / 'Maildir/cur').iterdir())
    add(suite, 'erin@example.test', 'two')
    new = users(suite)['erin@example.test']
    assert new['home'] == 'example.test/erin~1'
    if os.geteuid() == 0:
        assert new['uid'] > old['uid']
    assert log_in(suite, 'erin@example.test', 'two')
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    m.login('erin@example.test', 'two')
    assert m.select()[1] == [b'0']
    m.logout()


def test_lookup_hears_of_changes(suite):
    def code():
        with suite.smtp_client() as s:
            s.helo()
            s.mail('a@b.test')
            return s.rcpt('frank@example.test')[0]

    assert code() == 550
    add(suite, 'frank@example.test', 'x')
    suite.wait_for(lambda: code() == 250, seconds=2)
    suite.tool('user', 'delete', 'frank@example.test')
    suite.wait_for(lambda: code() == 550, seconds=2)


@pytest.mark.parametrize('address', ['', '@example.test', 'a@', 'a b@example.test', '..@example.test', '"a b"@example.test',
                                     'a@../..', 'x' * 400 + '@example.test', 'a@b@example.test', '\x01@example.test'])
def test_bad_addresses(suite, address):
    r = add(suite, address, 'x', check=False)
    assert r.returncode == 65, r.stderr


@pytest.mark.parametrize('address,home', [('a/b@example.test', 'example.test/a%2fb'),
                                          ('%2e%2e@example.test', 'example.test/%252e%252e'),
                                          ("o'hara&co@example.test", 'example.test/o%27hara%26co'),
                                          ('~x@example.test', 'example.test/%7ex')])
def test_strange_addresses_stay_inside(suite, address, home):
    add(suite, address, 'x')
    assert users(suite)[address]['home'] == home
    assert (suite.top / 'mail' / home / 'Maildir/new').is_dir()
    assert log_in(suite, address, 'x')


def test_import(suite):
    text = '# comment\n\n' + ''.join(f'u{i}@bulk.test password {i}\n' for i in range(300)) + 'u7@bulk.test again\nbroken\n'
    r = suite.tool('user', 'add', '--json', '--import', '-', input=text, check=False)
    answers = [json.loads(l) for l in r.stdout.splitlines()]
    assert sum(a['status'] == 0 for a in answers) == 300 and len(answers) == 302 and r.returncode != 0
    assert log_in(suite, 'u299@bulk.test', 'password 299')
    assert sum(a.endswith('@bulk.test') for a in users(suite)) == 300


def test_twice(suite):
    add(suite, 'gina@example.test', 'x')
    r = add(suite, 'GINA@example.test', 'y', check=False)
    assert r.returncode == 73 and 'exists' in r.stderr
    assert log_in(suite, 'gina@example.test', 'x')


def test_usage(suite):
    for args in (['user'], ['user', 'frobnicate'], ['user', 'add'], ['user', 'delete'], ['user', 'list', 'x'],
                 ['user', 'add', '--quota', 'x', 'a@b.test'], ['user', 'passwd', '--import', '-']):
        assert suite.tool(*args, check=False).returncode == 64, args
    r = suite.tool('user', 'add', '--password-file', '/nonexistent', 'a@b.test', check=False)
    assert r.returncode == 66


def test_change_log(suite):
    add(suite, 'henry@example.test', 'x')
    suite.tool('user', 'delete', 'henry@example.test')
    log = (suite.top / 'account/changes.log').read_text()
    lines = [l for l in log.splitlines() if ' henry@example.test ' in l]
    assert [l.split()[2] for l in lines] == ['add', 'delete'] and f'by-uid={os.geteuid()} ' in lines[0]
    assert 'password=' not in log


@pytest.mark.skipif(os.geteuid() != 0, reason='needs another user')
def test_strangers_may_not(suite):
    conf = pathlib.Path(suite.conf)
    r = subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', suite.build / 'bin/thurn', '-c', conf,
                        'user', 'list'], env={'THURN_LIBEXEC': str(suite.build / 'libexec')}, capture_output=True, text=True)
    assert r.returncode != 0 and '@' not in r.stdout


def test_accounts_survive_kill(new_suite):
    """What `thurn user add` has confirmed is there after auth was killed."""
    s = new_suite(users=0)
    add(s, 'ivy@example.test', 'secret')
    pid = next(r['pid'] for r in map(json.loads, s.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'auth')
    os.kill(pid, signal.SIGKILL)
    s.wait_for(lambda: s.tool('user', 'list', check=False).returncode == 0)
    assert s.wait_for(lambda: log_in(s, 'ivy@example.test', 'secret'))
    # the death is expected here; a fresh start leaves nothing to complain about
    s.stop()
    s.start()
    assert log_in(s, 'ivy@example.test', 'secret')
