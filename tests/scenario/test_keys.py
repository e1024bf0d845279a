"""services/keys with the real programs: where keys are, how they are replaced, and what happens without it."""
import imaplib, json, os, pathlib, re, signal, smtplib, socket, ssl, subprocess, threading, time
import pytest
from test_tls import context, tls_suite

root_only = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
CONF = '''imap_workers = 1
smtpd_workers = 1
certificate second { certificate = "%(top)s/tls/second.pem" key = "%(top)s/tls/second.key" }
certificate rsa { certificate = "%(top)s/tls/rsa.pem" key = "%(top)s/tls/rsa.key" }
'''
# so many handshakes while certificates are swapped; a long run sets more
HANDSHAKES = int(os.environ.get('HANDSHAKES', 600))


@pytest.fixture
def suite():
    with tls_suite(CONF) as s:
        yield s


def processes(suite):
    """role -> pids"""
    found = {}
    for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()):
        if r.get('pid'):
            found.setdefault(r['process'], []).append(r['pid'])
    return found


def secrets(key_file):
    """The secret numbers of a key, and a piece of its file, as they may lie in memory."""
    pem = pathlib.Path(key_file).read_text()
    text = subprocess.run(['openssl', 'pkey', '-in', key_file, '-noout', '-text'], capture_output=True, text=True).stdout
    numbers = []
    for field in ('priv', 'privateExponent', 'prime1', 'prime2'):
        m = re.search(rf'^{field}:\n((?:    .*\n)+)', text, re.M)
        if m:
            numbers.append(bytes.fromhex(re.sub(r'[\s:]', '', m[1])).lstrip(b'\0'))
    assert numbers
    body = ''.join(pem.splitlines()[1:-1])
    # as OpenSSL keeps numbers (words, the least first); as files have them, and the text of the file
    return [n[::-1] for n in numbers], numbers + [body[48:88].encode(), body[-100:-40].encode()]


def memory(pid):
    out = []
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if 'r' not in rights or line.rstrip().endswith(('[vvar]', '[vsyscall]', '[vvar_vclock]')):
                continue
            low, high = (int(x, 16) for x in span.split('-'))
            try:
                mem.seek(low)
                out.append(mem.read(high - low))
            except OSError:
                pass  # guard pages of the secure heap
    return b''.join(out)


def handshake(suite, kind):
    """A handshake that has to be signed by a key of that kind; certificate's name."""
    c = context(suite)
    c.maximum_version = ssl.TLSVersion.TLSv1_2
    c.set_ciphers('ECDHE+aRSA' if kind == 'rsa' else 'ECDHE+aECDSA')
    with c.wrap_socket(socket.create_connection((suite.host, suite.imaps), timeout=20), server_hostname='localhost') as s:
        return s.getpeercert()['subject']


def known_to_keys_alone(suite, key_file):
    used, stored = secrets(key_file)
    looked = 0
    for role, pids in processes(suite).items():
        for pid in pids:
            content = memory(pid)
            assert len(content) > 100000, role
            if role == 'keys':  # the search does find what is there; of the file nothing is left
                assert used[0] in content, key_file
            else:
                assert not any(s in content for s in used), (role, key_file)
            assert not any(s in content for s in stored), (role, key_file)
            looked += 1
    assert looked >= 10


@root_only
def test_key_bytes_are_in_one_process_only(suite):
    for kind in ('ec', 'rsa'):
        for _ in range(5):
            handshake(suite, kind)
    with smtplib.SMTP('localhost', suite.smtp_port, timeout=20) as s:
        s.starttls(context=context(suite))
        s.sendmail('a@client.test', [suite.accounts[0]['address']], 'Subject: x\r\n\r\nx\r\n')
    m = imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20)
    m.login(suite.accounts[0]['address'], suite.accounts[0]['password'])
    m.select()
    for key in ('mx', 'rsa'):
        known_to_keys_alone(suite, suite.top / f'tls/{key}.key')
    m.logout()


def test_swapped_while_it_works(suite):
    """Handshakes never fail, though the certificates change all the time."""
    fixed = (suite.top / 'tls/mx.key').read_text()
    stop, failures, done = threading.Event(), [], [0]
    names = set()

    def client(kind):
        while not stop.is_set():
            try:
                names.add(handshake(suite, kind))
                done[0] += 1
            except Exception as e:
                failures.append(repr(e))
    threads = [threading.Thread(target=client, args=(k,)) for k in ('ec', 'ec', 'rsa')]
    for t in threads:
        t.start()
    n = 0
    until = time.monotonic() + 300
    while done[0] < HANDSHAKES and not failures and time.monotonic() < until:
        # first a new key, then a new certificate for the same key
        suite.authority.issue('mx', [f'n{n}.example.test', 'localhost'], kind='ec')
        assert suite.tool('tls', 'reload').returncode == 0
        suite.authority.issue('mx', [f'm{n}.example.test', 'localhost'], key='mx')
        assert suite.tool('tls', 'reload').returncode == 0
        n += 1
    stop.set()
    for t in threads:
        t.join()
    assert failures == [] and done[0] >= HANDSHAKES
    assert n >= 2 and len(names) > 3, names
    assert fixed != (suite.top / 'tls/mx.key').read_text()
    print(f'{done[0]} handshakes, {2 * n} changes, {len(names)} names seen')


def test_a_pair_that_is_none_is_not_taken(suite):
    before = handshake(suite, 'ec')
    key = suite.top / 'tls/mx.key'
    good = key.read_text()
    # halves of two pairs, an expired one, one not valid yet, and no file at all: each is told, none is taken
    other = suite.authority.issue('other', ['other.example.test'])[1]
    key.write_text(other.read_text())
    r = suite.tool('tls', 'reload', check=False)
    assert r.returncode != 0 and 'the key is not that of the certificate' in r.stdout + r.stderr, r
    assert handshake(suite, 'ec') == before
    key.write_text(good)
    for begins, days, why in ((-20, 10, 'has expired'), (5, 10, 'not valid yet')):
        suite.authority.issue('mx', ['late.example.test', 'localhost'], key='mx', begins=begins, days=days)
        r = suite.tool('tls', 'reload', check=False)
        assert r.returncode != 0 and why in r.stdout + r.stderr, r
        assert handshake(suite, 'ec') == before
    (suite.top / 'tls/mx.pem').unlink()
    assert 'No such file' in suite.tool('tls', 'reload', check=False).stdout
    assert handshake(suite, 'ec') == before
    refused = suite.wait_for(lambda: len(suite.logged('certificate-refused')) == 4 and suite.logged('certificate-refused'))
    assert {e['fields']['in_use'] for e in refused} == {'the one before'}
    suite.authority.issue('mx', ['new.example.test', 'localhost'], key='mx')
    assert suite.tool('tls', 'reload').returncode == 0
    assert handshake(suite, 'ec') == ((('commonName', 'new.example.test'),),)


def test_keys_restarts(suite):
    """Handshakes that come while it is away wait for it; connections and sessions do not notice."""
    m = imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20)
    m.login(suite.accounts[0]['address'], suite.accounts[0]['password'])
    pid = processes(suite)['keys'][0]
    os.kill(pid, signal.SIGSTOP)
    results = []

    def client():
        try:
            results.append(handshake(suite, 'ec'))
        except Exception as e:
            results.append(e)
    threads = [threading.Thread(target=client) for _ in range(5)]
    for t in threads:
        t.start()
    assert m.noop()[0] == 'OK'
    with imaplib.IMAP4('localhost', suite.imap_port, timeout=20) as plain:  # others are served meanwhile
        plain.login(suite.accounts[1]['address'], suite.accounts[1]['password'])
    os.kill(pid, signal.SIGKILL)
    for t in threads:
        t.join()
    assert all(isinstance(r, tuple) for r in results), results
    assert m.noop()[0] == 'OK'
    m.logout()
    assert processes(suite)['keys'][0] != pid
    # the death was asked for by the test; a fresh start has nothing to complain about
    suite.stop()
    suite.users = 0
    suite.start()


@root_only
def test_keys_files_need_to_be_readable_by_root_only(suite):
    for f in ('mx.key', 'rsa.key', 'second.key'):
        st = (suite.top / 'tls' / f).stat()
        assert st.st_uid == 0 and st.st_mode & 0o077 == 0
    assert len(suite.events('certificate-loaded')) >= 3


def test_order_of_the_chain(suite):
    """The host's certificate comes first; what follows it is served in any order, but the order is told."""
    top = suite.top / 'tls'
    mx, second, ca = (top.joinpath(n).read_text() for n in ('mx.pem', 'second.pem', 'ca.pem'))

    def fault(text):
        (top / 'mx.pem').write_text(text)
        suite.tool('tls', 'reload', check=False)
        return next(r for r in map(json.loads, suite.tool('tls', '--json', 'status', check=False).stdout.splitlines()) if r['certificate'] == 'mx')['fault']
    assert fault(mx + ca) == ''
    assert fault(mx + second + ca).startswith('the chain is out of order')
    assert suite.events('certificate-loaded')[-1]['fields']['but'].startswith('the chain is out of order')
    assert handshake(suite, 'ec')
    assert fault(ca + mx) == 'the key is not that of the certificate that comes first in its file'
    assert fault(mx) == ''


def test_expiry_is_told(suite):
    assert not suite.events('certificate-expires')
    suite.authority.issue('mx', ['soon.example.test', 'localhost'], key='mx', days=11)
    assert suite.tool('tls', 'reload').returncode == 0
    e = suite.wait_event('certificate-expires')
    assert [x['fields']['name'] for x in e] == ['mx'] and e[0]['fields']['days'] in (9, 10)


# --- thurn tls ------------------------------------------------------------------------------------------------------------

def check(suite, *args):
    r = suite.tool('tls', '--json', 'check', '--ca', suite.ca, *args, check=False)
    return r.returncode, [json.loads(l) for l in r.stdout.splitlines()]


def test_check_grades_what_clients_see(suite):
    status, found = check(suite)
    assert status == 0 and {f['listener'] for f in found} == {'mx', 'imap', 'imaps', 'submission', 'submissions'}
    for f in found:
        assert f['grade'] == 'A' and f['reasons'] == [], f
        assert f['versions'] == ['TLSv1.2', 'TLSv1.3'] and f['key'] == 'EC' and f['trusted'] and f['name_matches']
        assert f['other']['key'] == 'RSA' and f['other']['trusted'] and f['other']['name_matches'], f
    # without the authority nobody trusts it; the text says so
    r = suite.tool('tls', 'check', f'localhost:{suite.imaps}', '--protocol', 'imaps', check=False)
    assert r.returncode == 65 and r.stdout.count('chain is not trusted') == 1 and r.stdout.startswith('C ')
    status, found = check(suite, f'127.0.0.1:{suite.smtp_port}', '--protocol', 'smtp')
    assert status == 65 and 'the name is not in the certificate' in found[0]['reasons'][0]['reason']
    status, found = check(suite, f'127.0.0.1:{suite.smtp_port}', '--protocol', 'smtp', '--name', 'mx.example.test')
    assert status == 0 and found[0]['grade'] == 'A'
    suite.authority.issue('mx', ['mx.example.test'], key='mx', days=9)
    suite.tool('tls', 'reload')
    status, found = check(suite)
    assert status == 0 and found[0]['grade'] == 'B' and '14 days of the key of kind EC' in found[0]['reasons'][0]['reason']
    # the one that most clients do not get counts as well
    suite.authority.issue('mx', ['mx.example.test'], key='mx')
    suite.authority.issue('rsa', ['mx.example.test'], key='rsa', days=9)
    suite.tool('tls', 'reload')
    status, found = check(suite)
    assert status == 0 and found[0]['grade'] == 'B' and '14 days of the key of kind RSA' in found[0]['reasons'][0]['reason']
    assert found[0]['days'] > 80 and found[0]['other']['days'] < 9


@pytest.mark.parametrize('args,grade,reason', [
    (['-tls1_2', '-cipher', 'AES128-SHA256'], 'B', 'forward secrecy'),
    (['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256'], 'B', 'CBC'),
    (['-cipher', 'ALL:@SECLEVEL=0', '-min_protocol', 'TLSv1'], 'C', 'RFC 8996'),
    (['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], 'F', 'neither TLSv1.2 nor TLSv1.3'),
])
def test_check_sees_what_is_weak_elsewhere(suite, args, grade, reason):
    s = socket.create_server(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    server = subprocess.Popen(['openssl', 's_server', '-accept', str(port), '-cert', suite.top / 'tls/rsa.pem', '-key',
                               suite.top / 'tls/rsa.key', '-quiet', *args], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        suite.wait_for(lambda: socket.socket().connect_ex(('127.0.0.1', port)) == 0)
        status, found = check(suite, f'localhost:{port}', '--protocol', 'imaps')
        assert any(reason in r['reason'] and r['grade'] == grade for r in found[0]['reasons']), found
        assert found[0]['grade'] >= grade and status == (0 if found[0]['grade'] <= 'B' else 65)
    finally:
        server.terminate()
        server.wait()
        server.stdin.close()


def test_check_says_why_there_is_no_tls(suite):
    s = socket.create_server(('127.0.0.1', 0))
    port = s.getsockname()[1]
    answers = {b'': b'220 plain.test ESMTP\r\n', b'EHLO': b'250 plain.test\r\n', b'STAR': b'502 no\r\n'}

    def serve():
        c, _ = s.accept()
        c.sendall(answers[b''])
        while line := c.recv(1000):
            c.sendall(answers[line[:4]])
    t = threading.Thread(target=serve, daemon=True)
    t.start()
    status, found = check(suite, f'127.0.0.1:{port}', '--protocol', 'smtp')
    assert status == 65 and found[0]['grade'] == 'F' and 'STARTTLS was answered with: 502 no' in found[0]['reasons'][0]['reason']
    t.join()
    s.close()
    status, found = check(suite, f'127.0.0.1:{port}', '--protocol', 'smtp')
    assert status == 69 and 'cannot connect' in found[0]['reasons'][0]['reason']
    assert suite.tool('tls', 'check', f'127.0.0.1:{port}', check=False).returncode == 64  # unknown port, no protocol


def test_status_and_who_may_ask(suite):
    names = [json.loads(l)['certificate'] for l in suite.tool('tls', '--json', 'status').stdout.splitlines()]
    assert set(names) == {'mx', 'rsa', 'second'}
    assert 'EC 256 bits' in suite.tool('tls', 'status').stdout
    handshake(suite, 'ec')
    counts = next(r for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'keys')['counts']
    assert counts['signatures'] >= 1 and counts['refused'] == 0 and counts['certificate_days'] in (88, 89)
    if os.geteuid() == 0:
        r = subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '/usr/bin/python3', '-c',
                            f'import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect("{suite.run}/keys"); print(s.recv(999), s.recv(9))'],
                           capture_output=True, text=True)
        assert 'Only the owner' in r.stdout and r.stdout.endswith(" b''\n") or 'PermissionError' in r.stderr, r  # told so and hung up on, or not let in
