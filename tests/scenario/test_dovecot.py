"""The Dovecot authentication protocol, for servers of others: its published handshake, what breaks it, and Exim."""
import base64, os, pathlib, re, shutil, smtplib, socket, subprocess, sys, tempfile
import pytest
from conftest import running, TESTS

sys.path.insert(0, str(TESTS))
import peers

CONF = '''auth_tries_per_minute = 0
sasl_mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256"}
dovecot_auth_uids = {"65532"}
listener others { service = dovecot path = "auth-client" }
'''
B64 = lambda b: base64.b64encode(b).decode()


@pytest.fixture(scope='module')
def suite():
    with running(conf=CONF) as s:
        s.tool('domain', 'set', '--scram', 'on', 'example.test')
        s.tool('user', 'passwd', '--password-stdin', 'user1@example.test', input='secret-1\n')
        yield s


class Client:
    """Client side as the protocol's description has it: versions first, then requests by id."""

    def __init__(self, suite, hello='VERSION\t1\t1\nCPID\t%d\n' % os.getpid()):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(f'{suite.run}/auth-client')
        self.file = self.socket.makefile('rb')
        self.handshake = []
        while not self.handshake or self.handshake[-1] != ['DONE']:
            self.handshake.append(self.line())
        self.send(hello)

    def line(self):
        return self.file.readline().decode().rstrip('\n').split('\t')

    def send(self, text):
        self.socket.sendall(text.encode())

    def ask(self, text):
        self.send(text + '\n')
        return self.line()

    def ended(self):
        return self.file.read() == b''

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def client(suite):
    c = Client(suite)
    yield c
    c.close()


def plain(user='user1@example.test', password='secret-1'):
    return B64(f'\0{user}\0{password}'.encode())


def test_handshake(client):
    fields = {l[0]: l[1:] for l in client.handshake}
    assert fields['VERSION'][0] == '1' and int(fields['VERSION'][1]) >= 1
    assert [l[1] for l in client.handshake if l[0] == 'MECH'] == ['PLAIN', 'LOGIN', 'SCRAM-SHA-256']
    assert ['MECH', 'PLAIN', 'plaintext'] in client.handshake
    assert fields['SPID'][0].isdigit() and fields['CUID'][0].isdigit() and re.fullmatch('[0-9a-f]{32}', fields['COOKIE'][0])


def test_plain(client):
    assert client.ask(f'AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.1\tlip=192.0.2.2\tsecured\tnologin\tresp={plain()}') == \
        ['OK', '1', 'user=user1@example.test']
    r = client.ask(f'AUTH\t2\tPLAIN\tservice=smtp\trip=192.0.2.1\tsecured\tresp={plain(password="wrong")}')
    assert r[:2] == ['FAIL', '2'] and 'temp' not in r


def test_steps(client):
    assert client.ask('AUTH\t7\tLOGIN\tservice=smtp\trip=127.0.0.1') == ['CONT', '7', B64(b'Username:')]
    assert client.ask(f'CONT\t7\t{B64(b"user1@example.test")}') == ['CONT', '7', B64(b'Password:')]
    assert client.ask(f'CONT\t7\t{B64(b"secret-1")}') == ['OK', '7', 'user=user1@example.test']
    assert client.ask('AUTH\t8\tPLAIN\tservice=smtp\trip=127.0.0.1') == ['CONT', '8', '']
    assert client.ask(f'CONT\t8\t{plain()}')[0] == 'OK'


def test_many_at_once(client):
    """Answers come by id, whenever they are ready."""
    client.send(''.join(f'AUTH\t{i}\tPLAIN\tservice=imap\tsecured\tresp={plain(password="secret-1" if i % 2 else "no")}\n'
                        for i in range(1, 51)))
    answers = {l[1]: l[0] for l in (client.line() for _ in range(50))}
    assert answers == {str(i): 'OK' if i % 2 else 'FAIL' for i in range(1, 51)}


def test_no_passwords_in_the_clear(client):
    assert client.ask(f'AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.1\tresp={plain()}')[0] == 'FAIL'


@pytest.mark.parametrize('line', ['AUTH\t1', 'AUTH\tx\tPLAIN', 'CONT\t1x\t', 'AUTH\t99999999999\tPLAIN', 'AUTH\t1\t', 'VERSION\t2\t0',
                                  'AUTH\t1\tPLAIN' + '\tx' * 100, 'AUTH\t1\tPLAIN\trip=' + 'x' * 100, 'x' * 20000])
def test_malformed_ends_the_connection(suite, client, line):
    try:
        client.send(line + '\n')
        assert client.ended()
    except ConnectionError:
        pass
    c = Client(suite)  # nobody else's
    assert c.ask(f'AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={plain()}')[0] == 'OK'
    c.close()


def test_out_of_step(client):
    assert client.ask('CONT\t5\tAAAA')[:2] == ['FAIL', '5']
    assert client.ask('AUTH\t6\tNTLM\tservice=smtp\tsecured')[:2] == ['FAIL', '6']
    assert client.ask('AUTH\t6\tPLAIN\tservice=smtp\tsecured\tresp=!!')[:2] == ['FAIL', '6']
    assert client.ask('AUTH\t6\tLOGIN\tservice=smtp\tsecured')[0] == 'CONT'
    assert client.ask('AUTH\t6\tLOGIN\tservice=smtp\tsecured')[0] == 'FAIL'
    client.send('CANCEL\t6\nWHATEVER\tx\n')
    assert client.ask('AUTH\t6\tLOGIN\tservice=smtp\tsecured')[0] == 'CONT'


def test_version_comes_first(suite):
    c = Client(suite, hello=f'AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={plain()}\n')
    assert c.ended()
    c.close()


def test_scopes(suite, client):
    secret = suite.tool('user', 'app-password', 'add', '--scope', 'imap', 'user2@example.test', 'reader').stdout.strip()
    for n, (service, good) in enumerate((('smtp', False), ('submission', False), ('imap', True), ('pop3', True), ('other', False))):
        r = client.ask(f'AUTH\t{n}\tPLAIN\tservice={service}\tsecured\tresp={plain("user2@example.test", secret)}')
        assert (r[0] == 'OK') == good, (service, r)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs another user')
def test_others_are_refused(suite):
    code = f'import socket; s = socket.socket(socket.AF_UNIX); s.connect("{suite.run}/auth-client"); print(s.recv(10))'
    r = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '/usr/bin/python3', '-c', code], capture_output=True, text=True)
    assert r.stdout.strip() == "b''", r
    suite.wait_event('dovecot-client-refused')


@pytest.fixture
def open_path():
    """A folder that other users can enter."""
    top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-test-'))
    top.chmod(0o755)
    yield top
    shutil.rmtree(top)


def own_users(top, *names):
    """Shell text that makes users and groups of these names, which the program looks for, in a mount namespace."""
    for kind, form in (('passwd', '{}:x:{}:{}::/:/bin/false\n'), ('group', '{}:x:{}:\n')):
        lines = ''.join(form.format(n, 65532 - i, 65532 - i) for i, n in enumerate(names))
        (top / kind).write_text(pathlib.Path('/etc', kind).read_text() + lines)
    return f'mount --bind {top}/passwd /etc/passwd && mount --bind {top}/group /etc/group && '


@pytest.mark.skipif(os.geteuid() != 0, reason='Exim wants to be root')
def test_exim(suite, tmp_path):
    """Debian's Exim with its own dovecot authenticator, one session on standard input."""
    root = peers.root('exim')
    if root is None:
        pytest.skip('Exim is not to be had')
    conf = tmp_path / 'exim.conf'
    conf.write_text(f'''spool_directory = {tmp_path}/spool
log_file_path = {tmp_path}/%slog
exim_user = root
exim_group = root
never_users =
primary_hostname = exim.test
auth_advertise_hosts = *
acl_smtp_mail = ok
begin acl
ok:
  accept authenticated = *
  deny
begin authenticators
plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = {suite.run}/auth-client
  server_set_id = $auth1
login:
  driver = dovecot
  public_name = LOGIN
  server_socket = {suite.run}/auth-client
  server_set_id = $auth1
''')

    command = own_users(tmp_path, 'Debian-exim') + f'exec {root}/usr/sbin/exim4 -C {conf} -bh 127.0.0.1'

    def session(*lines):
        r = subprocess.run(['unshare', '-m', 'sh', '-c', command], input=''.join(l + '\r\n' for l in lines),
                           capture_output=True, text=True, timeout=60, env=peers.run_env(root))
        return re.findall(r'^(\d{3}) .*$', r.stdout, re.M), r.stdout + r.stderr

    codes, out = session('EHLO x', f'AUTH PLAIN {plain()}', 'MAIL FROM:<a@b.test>', 'QUIT')
    assert codes[-3:] == ['235', '250', '221'], out
    codes, out = session('EHLO x', f'AUTH PLAIN {plain(password="no")}', 'MAIL FROM:<a@b.test>', 'QUIT')
    assert codes[-3] == '535' and codes[-2] == '550', out
    codes, out = session('EHLO x', 'AUTH LOGIN', B64(b'user1@example.test'), B64(b'secret-1'), 'MAIL FROM:<a@b.test>', 'QUIT')
    assert codes[-3:] == ['235', '250', '221'], out


@pytest.mark.skipif(os.geteuid() != 0, reason='Postfix wants to be root')
def test_postfix(suite, open_path):
    """Debian's Postfix as a submission server whose accounts are ours."""
    root = peers.root('postfix')
    if root is None:
        pytest.skip('Postfix is not to be had')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    conf, queue, data = (open_path / d for d in ('conf', 'queue', 'data'))
    for d in (conf, queue, data):
        d.mkdir()
    for d in ('active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'public', 'pid', 'saved', 'trace'):
        (queue / d).mkdir()
        if d != 'pid':
            os.chown(queue / d, 65532, 65532)
    os.chown(data, 65532, 65532)
    (conf / 'main.cf').write_text(f'''compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
alias_maps =
alias_database =
maillog_file = {open_path}/maillog
maillog_file_prefixes = {open_path}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {suite.run}/auth-client
smtpd_relay_restrictions = permit_sasl_authenticated, reject
''')
    (conf / 'master.cf').write_text(f'''127.0.0.1:{port} inet n - n - - smtpd
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
cleanup unix n - n - 0 cleanup
postlog unix-dgram n - n - 1 postlogd
''')
    command = own_users(open_path, 'postfix', 'postdrop') + f'exec {root}/usr/lib/postfix/sbin/master -c {conf} -d'
    p = subprocess.Popen(['unshare', '-m', 'sh', '-c', command], env=peers.run_env(root), stdout=open(open_path / "log", "wb"), stderr=subprocess.STDOUT)
    try:
        def server():
            try:
                return smtplib.SMTP('127.0.0.1', port, timeout=20)
            except OSError:
                assert p.poll() is None, (open_path / "log").read_text()
        for user, password, good in (('user1@example.test', 'secret-1', True), ('user1@example.test', 'no', False)):
            for mechanism in ('PLAIN', 'LOGIN'):
                with suite.wait_for(server) as s:
                    s.ehlo()
                    assert 'SCRAM-SHA-256' in s.esmtp_features['auth']
                    s.user, s.password = user, password
                    try:
                        code = s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower()))[0]
                    except smtplib.SMTPAuthenticationError as e:
                        code = e.smtp_code
                    assert code == (235 if good else 535)
    finally:
        p.terminate()
        p.wait(20)
