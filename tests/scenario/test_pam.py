"""services/pam: real logins against real PAM modules: files of passwords, shadow(5), and what a module may not do."""
import imaplib, json, os, pathlib, signal, smtplib, ssl, subprocess
import pytest
import test_sasl
from conftest import TESTS, Suite
from instances import Failed

CONF = '''pam_workers = 2
pam_domains = {"example.test"}
pam_directory = "%(top)s/pam"
pam_confdir = "%(top)s/pam/pam.d"
imap_failure_delay = 50ms
submission_failure_delay = 50ms
auth_tries_per_minute = 0
sasl_mechanisms = {"SCRAM-SHA-256", "PLAIN", "LOGIN"}
imap_workers = 1
'''


def crypt(password):
    return subprocess.run(['openssl', 'passwd', '-6', password], capture_output=True, text=True, check=True).stdout.strip()


def prepared(stack, conf='', users=2):
    """A suite whose PAM has that stack, and a file of passwords that differ from those of the accounts."""
    s = Suite(users=users)
    d = s.top / 'pam/pam.d'
    d.mkdir(parents=True)
    (s.top / 'pam/passwd').write_text(f"user1:{crypt('of pam')}\nuser2:{crypt('other')}\n")
    (d / 'thurn').write_text(stack % {'top': s.top})
    s.extra.write_text(CONF % {'top': s.top} + conf)
    return s


FILE = '''auth required pam_pwdfile.so pwdfile=%(top)s/pam/passwd
account required pam_permit.so
'''


@pytest.fixture(scope='module')
def suite():
    s = prepared(FILE)
    try:
        yield s.start()
    finally:
        s.close()


def answer(suite, password, n=0, user=None):
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=30)
    try:
        m.login(f'"{user or suite.accounts[n]["address"]}"', password)
        m.select()
        m.logout()
        return 'OK'
    except imaplib.IMAP4.error as e:
        return str(e)


def test_imap(suite):
    assert answer(suite, 'of pam') == 'OK' and answer(suite, 'other', 1) == 'OK'
    for password in ('other', suite.accounts[0]['password'], 'of pam '):
        assert 'AUTHENTICATIONFAILED' in answer(suite, password)
    assert 'AUTHENTICATIONFAILED' in answer(suite, 'of pam', user='nobody@example.test')
    # the next question knows nothing of the last one
    assert answer(suite, 'of pam') == 'OK'


def test_submission(suite):
    me = suite.accounts[0]['address']
    with smtplib.SMTP_SSL('localhost', suite.submissions, timeout=20, context=ssl.create_default_context(cafile=suite.ca)) as s:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            s.login(me, 'wrong')
        s.login(me, 'of pam')
        s.sendmail(me, [me], f'From: {me}\r\nSubject: by PAM\r\n\r\nbody\r\n')
    suite.wait_for(lambda: any('by PAM' in p.read_text() for p in suite.messages(0)))


def test_the_account_still_decides(suite):
    a = suite.accounts[1]['address']
    suite.tool('user', 'set', '--imap', 'off', a)
    assert 'AUTHENTICATIONFAILED' in answer(suite, 'other', 1)
    suite.tool('user', 'set', '--imap', 'on', a)
    assert answer(suite, 'other', 1) == 'OK'
    app = suite.tool('user', 'app-password', 'add', a, 'phone').stdout.strip()
    assert answer(suite, app, 1) == 'OK'


def test_a_change_in_pam_counts_at_once(suite):
    file = suite.top / 'pam/passwd'
    before = file.read_text()
    file.write_text(before.replace('user1:', 'gone:'))
    assert 'AUTHENTICATIONFAILED' in answer(suite, 'of pam')
    file.write_text(before)
    assert answer(suite, 'of pam') == 'OK'


def test_no_way_around_pam(suite):
    """The password that the account has besides opens nothing: neither by itself nor by the keys of SCRAM made of it."""
    a = suite.accounts[0]
    suite.tool('domain', 'set', '--scram', 'on', 'example.test')
    suite.tool('user', 'passwd', '--password-stdin', a['address'], input='of the database\n')
    assert json.loads(suite.tool('user', 'show', '--json', a['address']).stdout)['scram']
    assert 'AUTHENTICATIONFAILED' in answer(suite, 'of the database')
    for password in ('of the database', 'of pam'):
        c = test_sasl.Imap(suite)
        assert b'SCRAM-SHA-256' in c.greeting
        line, proved = test_sasl.scram_client(c, a['address'], password)
        assert b'AUTHENTICATIONFAILED' in line and not proved, line
        c.close()
    assert answer(suite, 'of pam') == 'OK'


def test_who_it_runs_as(suite):
    rows = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    ours = [r for r in rows if r.get('process') == 'pam']
    assert len(ours) == 2
    for r in ours:
        status = dict(l.split(':\t', 1) for l in open(f"/proc/{r['pid']}/status").read().splitlines() if ':\t' in l)
        assert status['NoNewPrivs'] == '1' and status['Seccomp'] == '2' and int(status['CapEff'], 16) == 0
        if os.geteuid() == 0:
            assert '0' not in status['Uid'].split() and status['Groups'].strip() == ''


def test_several_at_once(suite):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        results = list(pool.map(lambda i: answer(suite, 'of pam' if i % 2 else 'wrong'), range(24)))
    assert all(('OK' if i % 2 else 'AUTHENTICATIONFAILED') in r for i, r in enumerate(results)), results


def test_a_reload_replaces_them():
    """Others take over, also for good: those before may be gone."""
    s = prepared(FILE)
    pids = lambda: {r['pid'] for r in map(json.loads, s.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'pam'}
    try:
        s.start()
        first = pids()
        conf = pathlib.Path(s.conf)
        conf.write_text(conf.read_text().replace('pam_workers = 2', 'pam_workers = 1') + 'pam_timeout = 10s\n')
        s.tool('reload')
        fresh = s.wait_for(lambda: len(pids() - first) == 1 and pids() - first)
        for pid in first & pids():
            os.kill(pid, signal.SIGKILL)
        s.wait_for(lambda: pids() == fresh)
        assert answer(s, 'of pam') == 'OK' and 'AUTHENTICATIONFAILED' in answer(s, 'wrong')
    finally:
        s.close()


def test_the_account_phase_counts():
    s = prepared('auth required pam_permit.so\naccount required pam_deny.so\n')
    try:
        s.start()
        assert 'AUTHENTICATIONFAILED' in answer(s, 'anything')
    finally:
        s.close()


def test_a_module_that_hangs():
    """Its process ends; the login is told to come again, others are served, and so is the next."""
    s = prepared(FILE, 'pam_timeout = 1s\n')
    try:
        s.start()
        assert answer(s, 'of pam') == 'OK'
        file = s.top / 'pam/passwd'
        text = file.read_text()
        file.unlink()
        os.mkfifo(file)  # whoever opens it waits
        assert 'UNAVAILABLE' in answer(s, 'of pam')
        file.unlink()
        file.write_text(text)
        s.wait_for(lambda: answer(s, 'of pam') == 'OK')
        # its exit status tells that one is on its way
        s.wait_for(lambda: len([l for l in s.tool('status', '--json', check=False).stdout.splitlines() if json.loads(l).get('process') == 'pam']) == 2)
        s.stop()  # the end of one was expected
        s.users = 0
        s.start()
    finally:
        s.close()


def test_files_elsewhere_are_closed():
    """A module reads below pam_directory, and nowhere else."""
    s = prepared(FILE.replace('%(top)s/pam/passwd', '%(top)s/outside'))
    (s.top / 'outside').write_text(f"user1:{crypt('of pam')}\n")
    try:
        s.start()
        assert answer(s, 'of pam') != 'OK'
    finally:
        s.close()


def test_without_a_stack_it_does_not_start():
    s = prepared(FILE)
    (s.top / 'pam/pam.d/thurn').unlink()
    with pytest.raises(Failed):
        s.start()
    import shutil
    shutil.rmtree(s.top)


def test_off_by_default(new_suite):
    s = new_suite()
    assert not [l for l in s.tool('status', '--json').stdout.splitlines() if json.loads(l).get('process') == 'pam']


# --- shadow(5), in a mount namespace where it is ours

class Private(Suite):
    def start(self):
        self.hidden = self.top / 'etc'
        self.hidden.mkdir()
        users = 'user1:x:4001:4001::/:/bin/false\nuser2:x:4002:4002::/:/bin/false\nthurn-test:x:64290:42::/:/bin/false\n'
        (self.hidden / 'passwd').write_text(open('/etc/passwd').read() + users)
        shadow = self.hidden / 'shadow'
        shadow.write_text(f"root:*:19000:0:99999:7:::\nuser1:{crypt('of shadow')}:19000:0:99999:7:::\nuser2:{crypt('expired')}:19000:0:99999:7::19001:\n")
        os.chown(shadow, 0, 42)
        shadow.chmod(0o640)
        script = f'mount --bind {self.hidden}/passwd /etc/passwd && mount --bind {self.hidden}/shadow /etc/shadow && exec "$@"'
        out = subprocess.run(['unshare', '-m', 'sh', '-c', script, 'sh', TESTS / 'instance', 'start', self.top, '--users', '2', '--conf', self.extra,
                              '--build', self.build], capture_output=True, text=True, timeout=120)
        assert out.returncode == 0, out.stdout + out.stderr
        self.__dict__.update({k: v for k, v in json.loads(out.stdout).items() if k != 'build'})
        return self

    def stop(self):
        return subprocess.run(['nsenter', '-t', str(self.pid), '-m', TESTS / 'instance', 'stop', self.top, '--build', self.build],
                              capture_output=True, text=True).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason='needs mounts and uids')
def test_unix_passwords():
    """pam_unix reads shadow(5) by the group of the process: no root, no capability, no set-gid helper."""
    s = Private(users=2)
    d = s.top / 'pam.d'
    d.mkdir()
    (d / 'thurn').write_text('auth required pam_unix.so\naccount required pam_unix.so\n')
    s.extra.write_text(f'pam_workers = 1\npam_domains = {{"example.test"}}\npam_confdir = "{d}"\nuser_pam = "thurn-test"\n'
                       'imap_failure_delay = 50ms\nauth_tries_per_minute = 0\n')
    try:
        s.start()
        assert answer(s, 'of shadow') == 'OK'
        assert 'AUTHENTICATIONFAILED' in answer(s, 'wrong')
        assert 'AUTHENTICATIONFAILED' in answer(s, 'expired', 1)  # its password is right
        assert answer(s, 'of shadow') == 'OK'
    finally:
        s.close()
