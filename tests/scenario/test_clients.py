"""The clients that people use, from Debian packages, against a running instance."""
import json, os, pathlib, pty, re, select, shutil, subprocess, sys, textwrap, time
import pytest
from conftest import TESTS
sys.path.insert(0, str(TESTS))
import peers


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60, **kw)


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f'no {program}')


def arrived(suite, subject, n=0):
    """Waits for a message with that subject by IMAP; its text."""
    def look():
        m = suite.login(n)
        try:
            m.select()
            found = m.search(None, 'SUBJECT', f'"{subject}"')[1][0].split()
            return m.fetch(found[-1], '(BODY.PEEK[])')[1][0][1].decode() if found else None
        finally:
            m.logout()
    return suite.wait_for(look)


def test_smtplib_to_imaplib(suite):
    suite.send('from smtplib', body='hello')
    text = arrived(suite, 'from smtplib')
    assert 'hello' in text
    assert re.search(r'^Received: from .*\sby mx\.example\.test', text, re.M | re.S)
    assert re.search(r'^Return-Path: <sender@client\.test>', text, re.M)
    assert re.search(r'^Delivered-To: user1@example\.test', text, re.M)


@needs('swaks')
def test_swaks(suite):
    r = run('swaks', '--server', f'127.0.0.1:{suite.smtp_port}', '--from', 'sender@client.test', '--to', suite.accounts[0]['address'],
            '--header', 'Subject: from swaks', '--pipeline')
    assert r.returncode == 0, r.stdout
    arrived(suite, 'from swaks')


@needs('curl')
def test_curl(suite, tmp_path):
    mail = tmp_path / 'mail'
    mail.write_text('From: <sender@client.test>\r\nSubject: from curl\r\n\r\nhello\r\n')
    r = run('curl', '-sS', f'smtp://127.0.0.1:{suite.smtp_port}', '--mail-from', 'sender@client.test', '--mail-rcpt', suite.accounts[0]['address'], '-T', mail)
    assert r.returncode == 0, r.stderr
    arrived(suite, 'from curl')
    a = suite.accounts[0]
    r = run('curl', '-sS', '--user', f"{a['address']}:{a['password']}", f'imap://127.0.0.1:{suite.imap_port}/INBOX?SUBJECT%20%22from%20curl%22')
    uid = r.stdout.split()[2]
    r = run('curl', '-sS', '--user', f"{a['address']}:{a['password']}", f'imap://127.0.0.1:{suite.imap_port}/INBOX;MAILINDEX={uid}')
    assert 'Subject: from curl' in r.stdout


@needs('msmtp')
def test_msmtp(suite):
    r = run('msmtp', '--host=127.0.0.1', f'--port={suite.smtp_port}', '--from=sender@client.test', suite.accounts[0]['address'],
            input='Subject: from msmtp\n\nhello\n')
    assert r.returncode == 0, r.stderr
    arrived(suite, 'from msmtp')


def mbsync_conf(account, port, at, *lines, host='localhost'):
    """Writes a configuration that keeps at/mail/INBOX and the account's INBOX alike; lines: how to log in."""
    (at / 'mail').mkdir()
    (at / 'rc').write_text(textwrap.dedent(f'''
        IMAPAccount a
        Host {host}
        Port {port}
        User {account['address']}
        Pass {account['password']}
        ''') + '\n'.join(lines) + textwrap.dedent(f'''

        IMAPStore far
        Account a

        MaildirStore near
        Path {at}/mail/
        Inbox {at}/mail/INBOX
        SubFolders Verbatim

        Channel c
        Far :far:
        Near :near:
        Patterns *
        Create Both
        Expunge Both
        SyncState *
        '''))
    return at / 'rc'


@needs('mbsync')
def test_mbsync_both_ways(suite, tmp_path):
    a = suite.accounts[1]
    for i in range(5):
        suite.send(f'for mbsync {i}', to=[a['address']])
    arrived(suite, 'for mbsync 4', 1)
    rc = mbsync_conf(a, suite.imap_port, tmp_path, 'SSLType None', 'AuthMechs LOGIN', host='127.0.0.1')
    r = run('mbsync', '-c', rc, '-a')
    assert r.returncode == 0, r.stderr
    inbox = tmp_path / 'mail/INBOX'
    local = [p for d in ('cur', 'new') for p in (inbox / d).iterdir()]
    assert len(local) == 5
    # a flag set here and a message deleted here arrive there
    local.sort(key=lambda p: re.search(r'for mbsync (\d)', p.read_text())[1])
    base = local[0].name.split(':')[0]
    local[0].rename(inbox / 'cur' / f'{base}:2,FS')
    local[1].unlink()
    r = run('mbsync', '-c', rc, '-a')
    assert r.returncode == 0, r.stderr
    m = suite.login(1)
    m.select()
    assert m.search(None, 'ALL')[1][0].split() == [b'1', b'2', b'3', b'4']
    flagged = m.search(None, 'FLAGGED')[1][0].split()
    assert len(flagged) == 1 and b'for mbsync 0' in m.fetch(flagged[0], '(BODY.PEEK[HEADER])')[1][0][1]
    m.logout()


@pytest.fixture
def mutt(suite, tmp_path):
    """Runs neomutt for account 1: with keys, on a terminal, until it quits; else as given, with text as standard input."""
    a = suite.accounts[0]
    rc = tmp_path / 'muttrc'
    rc.write_text(textwrap.dedent(f'''
        set folder = imap://127.0.0.1:{suite.imap_port}/
        set spoolfile = +INBOX
        set imap_user = {a['address']}
        set imap_pass = {a['password']}
        set smtp_url = smtp://127.0.0.1:{suite.smtp_port}/
        set from = {a['address']}
        set ssl_starttls = no
        set ssl_force_tls = no
        set record = ""
        set confirmappend = no
        set confirmcreate = no
        set delete = yes
        set quit = yes
        set move = no
        set mark_old = no
        set wait_key = no
        set header_cache = ""
        set abort_key = "<F12>"
        '''))
    env = dict(os.environ, HOME=str(tmp_path), TERM='xterm', LC_ALL='C.UTF-8')

    def mutt(*args, keys=None, text=None):
        if keys is None:
            r = run('neomutt', '-n', '-F', rc, *args, input=text, env=env)
            assert r.returncode == 0, r.stdout + r.stderr
            return
        at_terminal('neomutt', '-n', '-F', rc, '-e', f'push "{keys}"', env=env)
    return mutt


def drain(fd, seconds):
    """What a program writes to its terminal until it closes it; times out with that."""
    seen, until = b'', time.monotonic() + seconds
    while select.select([fd], [], [], max(0, until - time.monotonic()))[0]:
        try:
            more = os.read(fd, 65536)
        except OSError:
            return seen
        if not more:
            return seen
        seen += more
    raise AssertionError(f'waited {seconds} s for the program to end: {seen[-3000:]!r}')


def at_terminal(*command, env):
    """Runs it at a terminal where nobody types; it must end by itself, and well."""
    mine, its = pty.openpty()
    p = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=env, start_new_session=True)
    os.close(its)
    try:
        screen = drain(mine, 40)
        assert p.wait(timeout=10) == 0, screen
    finally:
        p.kill(), p.wait()
        os.close(mine)


@needs('neomutt')
def test_neomutt(suite, mutt):
    """Sends two, flags one, moves the other into a new mailbox, deletes a third."""
    a = suite.accounts[0]
    for name in ('keep', 'move', 'drop'):
        mutt('-s', f'mutt {name}', '--', a['address'], text=f'this one to {name}\n')
        assert f'this one to {name}' in arrived(suite, f'mutt {name}')
    mutt(keys='<limit>~s mutt.keep<enter><flag-message><limit>~s mutt.move<enter><save-message>=Archive/Mutt<enter>'
              '<limit>~s mutt.drop<enter><delete-message><limit>all<enter><sync-mailbox><quit>')
    m = suite.login(0)
    m.select()
    assert len(m.search(None, 'SUBJECT', '"mutt keep"', 'FLAGGED')[1][0].split()) == 1
    assert m.search(None, 'OR', 'SUBJECT', '"mutt move"', 'SUBJECT', '"mutt drop"')[1][0].split() == []
    assert m.select('Archive/Mutt')[0] == 'OK'
    found = m.search(None, 'SUBJECT', '"mutt move"')[1][0].split()
    assert len(found) == 1 and b'this one to move' in m.fetch(found[0], '(BODY[TEXT])')[1][0][1]
    m.logout()
    # and reading sets \\Seen
    mutt(keys='<limit>~s mutt.keep<enter><display-message><exit><sync-mailbox><quit>')
    m = suite.login(0)
    m.select()
    assert len(m.search(None, 'SUBJECT', '"mutt keep"', 'SEEN')[1][0].split()) == 1
    m.logout()


def link(suite, name):
    """The tool under another name."""
    at = suite.top / name
    if not at.exists():
        at.symlink_to(suite.build / 'bin' / ('sendmail' if name in ('sendmail', 'mailq', 'newaliases') else 'thurn'))
    return at


def test_sendmail(suite):
    env = dict(os.environ, THURN_CONF=suite.conf, THURN_LIBEXEC=str(suite.build / 'libexec'))
    r = run(link(suite, 'sendmail'), '-C', suite.conf, '-t', '-i', env=env,
            input=f"To: {suite.accounts[0]['address']}\nBcc: {suite.accounts[1]['address']}\nSubject: from sendmail\n\none\n.\ntwo\n")
    assert r.returncode == 0, r.stdout + r.stderr
    text = arrived(suite, 'from sendmail')
    assert '\r\n.\r\ntwo' in text and 'Bcc' not in text
    assert re.search(r'^Message-ID:', text, re.M | re.I) and re.search(r'^Date:', text, re.M)
    arrived(suite, 'from sendmail', 1)


def test_sendmail_unknown_user(suite):
    env = dict(os.environ, THURN_CONF=suite.conf, THURN_LIBEXEC=str(suite.build / 'libexec'))
    r = run(link(suite, 'sendmail'), '-C', suite.conf, '-i', 'nobody@example.test', env=env, input='Subject: x\n\nx\n')
    assert r.returncode == 67 and 'nobody@example.test' in r.stderr


def test_mailq_empty(suite):
    env = dict(os.environ, THURN_CONF=suite.conf, THURN_LIBEXEC=str(suite.build / 'libexec'))
    r = run(link(suite, 'mailq'), '-C', suite.conf, env=env)
    assert r.returncode == 0 and r.stdout == 'Mail queue is empty\n', r.stdout + r.stderr


def test_mailq_lists_what_waits(new_suite):
    suite = new_suite(conf='relayhost = "[127.0.0.1]:9"\nremote_ports = {9}\n')
    suite.send('waits', to=['somebody@elsewhere.test'])
    env = dict(os.environ, THURN_CONF=suite.conf, THURN_LIBEXEC=str(suite.build / 'libexec'))

    def deferred():
        out = run(link(suite, 'mailq'), '-C', suite.conf, env=env).stdout
        return out if '(' in out else None
    lines = suite.wait_for(deferred).splitlines()
    assert re.match(r'^-+ ?Queue ID-+ +--Size-- -+Arrival Time-+ -+Sender/Recipient-+$', lines[0]), lines[0]
    assert re.match(r'^[a-z2-7]{13} +\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d sender@client\.test$', lines[1]), lines[1]
    assert re.match(r'^ *\(.*127\.0\.0\.1.*\)$', lines[2]), lines[2]
    assert re.match(r'^ +somebody@elsewhere\.test$', lines[3]), lines[3]
    assert re.match(r'^-- \d+ Kbytes in 1 Request\.$', lines[-1]), lines[-1]
    queue = [l for l in suite.tool('queue', 'list', '--json').stdout.splitlines()]
    assert len(queue) == 1 and 'somebody@elsewhere.test' in queue[0]
    suite.tool('queue', 'delete', 'ALL')
    assert run(link(suite, 'mailq'), '-C', suite.conf, env=env).stdout == 'Mail queue is empty\n'


def test_idle_hears_of_delivery(suite):
    m = suite.login(0)
    m.select()
    tag = m._new_tag()
    m.send(tag + b' IDLE\r\n')
    assert m.readline().startswith(b'+')
    suite.send('while idle')
    m.sock.settimeout(5)
    line = m.readline()
    while b'EXISTS' not in line:
        line = m.readline()
    m.send(b'DONE\r\n')
    while not m.readline().startswith(tag):
        pass
    m.logout()


def test_reload_is_all_or_nothing(new_suite):
    suite = new_suite()
    conf = pathlib.Path(suite.conf)
    good = conf.read_text()
    conf.write_text(good + 'no_such_setting = 1\n')
    r = suite.tool('reload', check=False)
    assert r.returncode != 0 and f'thurn.conf:{len(good.splitlines()) + 1}' in r.stderr + r.stdout, r.stdout + r.stderr
    suite.send('old goes on')
    conf.write_text(good + 'message_size_limit = 100k\n')
    r = suite.tool('reload', check=False)
    assert r.returncode == 0, r.stdout + r.stderr

    def replaced():
        with suite.smtp_client() as s:
            s.ehlo()
            return s.esmtp_features.get('size') == '102400'
    suite.wait_for(replaced)
    suite.send('new goes on')
    assert len(suite.messages()) == 2


def test_status(suite):
    rows = [eval(l, {'true': True, 'false': False}) for l in suite.tool('status', '--json').stdout.splitlines()]
    roles = {r['process'] for r in rows if 'process' in r}
    assert {'master', 'spawn', 'log', 'auth', 'lookup', 'notify', 'queue', 'deliver-maildir', 'deliver-remote', 'smtpd', 'smtpd-local', 'smtpd-submit', 'imapd-login'} <= roles
    for r in rows:
        if r.get('process') not in (None, 'master', 'spawn'):
            assert 'seccomp' in r['layers'] and 'no-new-privs' in r['layers']
    master, log = ([r for r in rows if r.get('process') == n][0] for n in ('master', 'log'))
    assert {'seccomp', 'no-new-privs'} <= set(master['layers']) and log['uptime_ms'] - 20 <= master['uptime_ms'] < log['uptime_ms'] + 60000


def test_smtp_source(suite):
    """Thousands of messages from Postfix's load generator, in many sessions at once: each is there, whole, and once."""
    root = peers.root('postfix')
    if root is None:
        pytest.skip('no smtp-source')
    length, runs = 2000, [(0, 1500, []), (0, 600, ['-d']), (1, 1500, []), (1, 400, ['-d'])]  # -d: not a connection for each
    before = [{p.name for p in suite.messages(n)} for n in range(2)]
    sources = [subprocess.Popen([root / 'usr/sbin/smtp-source', *options, '-s', '8', '-m', str(count), '-l', str(length), '-f',
                                 f'source{i}@client.test', '-t', suite.accounts[n]['address'], f'127.0.0.1:{suite.smtp_port}'],
                                env=peers.run_env(root), stderr=subprocess.PIPE, text=True)
               for i, (n, count, options) in enumerate(runs)]
    for s in sources:
        errors = s.communicate(timeout=120)[1]
        assert s.returncode == 0 and not errors, errors
    for n in range(2):
        wanted = sum(count for to, count, _ in runs if to == n)
        suite.wait_for(lambda: len(suite.messages(n)) - len(before[n]) >= wanted)
        new = [p.read_bytes() for p in suite.messages(n) if p.name not in before[n]]
        ids = {re.search(rb'^Message-Id: (<.*>)$', m, re.M)[1] for m in new}
        assert len(new) == len(ids) == wanted
        # what it was told, with line ends as CRLF, and the last of these
        assert {len(m.partition(b'\n\n')[2].replace(b'\n', b'\r\n')) for m in new} == {length + 2}
        m = suite.login(n)
        assert int(m.select()[1][0]) == len(suite.messages(n))
        m.logout()
    assert json.loads(suite.tool('queue', 'summary', '--json').stdout)['deferred'] == 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which('strace'), reason='needs root and strace')
def test_packets_of_a_message(suite):
    """At most ten packets between processes from RCPT to mailbox, the log and master not counted."""
    suite.send('warm')
    suite.wait_for(lambda: suite.messages())
    pids = [r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('pid') and r.get('process') != 'master']
    out = suite.top / 'packets'
    command = ['strace', '-f', '-x', '-s', '8', '-e', 'trace=sendmsg', '-o', out]
    for p in pids:
        command += ['-p', str(p)]
    with suite.smtp_client() as s:
        s.ehlo()
        s.mail('sender@client.test')
        tracer = subprocess.Popen([str(c) for c in command], stderr=subprocess.PIPE, text=True)
        attached = 0
        while attached < len(pids):
            attached += 'attached' in tracer.stderr.readline()
        s.rcpt(suite.accounts[0]['address'])
        assert s.data('Subject: counted\r\n\r\ncounted\r\n')[0] == 250
        suite.wait_for(lambda: any(b'counted' in p.read_bytes() for p in suite.messages()))
        tracer.terminate()
        tracer.wait()
    packets = []
    for line in out.read_text().splitlines():
        h = re.search(r'iov_base="\\x01\\x(..)\\x(..)\\x(..)', line)
        if h and h[3] not in ('01', '02'):  # boot and log
            packets.append(h[3] + h[2])
    assert 0 < len(packets) <= 10, packets
