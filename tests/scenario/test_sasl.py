"""Ways to log in: every mechanism with real clients, and what is no message of any."""
import base64, contextlib, hashlib, hmac, json, os, pathlib, re, signal, socket, subprocess, threading, time
import pytest
from conftest import running
from test_keys import memory

CONF = '''imap_failure_delay = 50ms
auth_tries_per_minute = 0
imap_workers = 1
sasl_mechanisms = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"}
auth_master_users = {"user2@example.test"}
oauth_issuer = "https://id.example.test"
oauth_audience = "mail.example.test"
oauth_scope = "mail"
oauth_configuration_url = "https://id.example.test/.well-known/openid-configuration"
'''
B64 = lambda b: base64.b64encode(b).decode()


def openssl(*args, **kw):
    return subprocess.run(['openssl', *args], capture_output=True, check=True, **kw).stdout


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    """Private keys by algorithm, and their public ones as the setting wants them."""
    top = tmp_path_factory.mktemp('keys')
    how = {'RS256': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
           'ES256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'EdDSA': ['-algorithm', 'ED25519']}
    for name, args in how.items():
        openssl('genpkey', *args, '-out', top / name)
    return {n: (top / n, B64(openssl('pkey', '-in', top / n, '-pubout', '-outform', 'DER'))) for n in how}


@pytest.fixture(scope='module')
def suite(keys):
    setting = 'oauth_keys = {' + ', '.join(f'"{public}"' for _, public in keys.values()) + '}\n'
    with running(conf=CONF + setting, users=3) as s:
        s.tool('domain', 'set', '--scram', 'on', 'example.test')
        for a in s.accounts:  # their passwords were hashed before there were to be keys
            s.tool('user', 'passwd', '--password-stdin', a['address'], input=a['password'] + '\n')
        yield s


class Imap:
    def __init__(self, suite, source='127.0.0.1'):
        self.socket = socket.create_connection((suite.host, suite.imap_port), timeout=20, source_address=(source, 0))
        self.file = self.socket.makefile('rb')
        self.greeting = self.line()

    def line(self):
        return self.file.readline().rstrip(b'\r\n')

    def say(self, text):
        self.socket.sendall(text.encode() + b'\r\n')
        return self.line()

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def imap(suite):
    c = Imap(suite)
    yield c
    c.close()


def scram_client(imap, user, password, name='SCRAM-SHA-256', header='n,,', tag='a', change=lambda s: s, last=''):
    """A client of our own, for what well-behaved ones do not do. (last line, server was right)"""
    digest = hashlib.sha256 if '256' in name else hashlib.sha1
    nonce = B64(os.urandom(12))
    bare = f'n={user},r={nonce}'
    first = imap.say(f'{tag} AUTHENTICATE {name} {B64((header + bare).encode())}')
    if not first.startswith(b'+ '):
        return first, False
    server = base64.b64decode(first[2:]).decode()
    f = dict(p.split('=', 1) for p in server.split(','))
    salted = hashlib.pbkdf2_hmac(digest().name, password.encode(), base64.b64decode(f['s']), int(f['i']))
    key = lambda k, m: hmac.new(k, m, digest).digest()
    without = f'c={B64(header.encode())},r={f["r"]}'
    message = f'{bare},{server},{without}'.encode()
    client = key(salted, b'Client Key')
    proof = bytes(a ^ b for a, b in zip(client, key(digest(client).digest(), message)))
    answer = imap.say(B64(change(f'{without},p={B64(proof)}').encode()))
    if not answer.startswith(b'+ '):
        return answer, False
    right = base64.b64decode(answer[2:]) == b'v=' + base64.b64encode(key(key(salted, b'Server Key'), message))
    return imap.say(last), right


def gsasl(suite, mechanism, user, password, port=None, *more):
    return subprocess.run(['gsasl', '--client', '--imap' if port is None else '--smtp', '--connect',
                           f'{suite.host}:{port or suite.imap_port}', '--mechanism', mechanism,
                           '--authentication-id', user, '--password', password, '--no-starttls', *more],
                          input='', capture_output=True, text=True, timeout=30)


def fields(suite, event='auth-accepted'):
    return [e['fields'] for e in suite.events(event)]


def test_offered(imap):
    assert all(f'AUTH={m}'.encode() in imap.greeting
               for m in ('SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN', 'OAUTHBEARER', 'XOAUTH2'))
    assert b'-PLUS' not in imap.greeting and b'EXTERNAL' not in imap.greeting


@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'SCRAM-SHA-1'])
def test_gsasl(suite, mechanism):
    a = suite.accounts[0]
    r = gsasl(suite, mechanism, a['address'], a['password'])
    assert r.returncode == 0 and 'OK [' in r.stdout, r.stdout + r.stderr
    r = gsasl(suite, mechanism, a['address'], 'wrong')
    assert r.returncode != 0


@pytest.mark.parametrize('mechanism', ['SCRAM-SHA-256', 'SCRAM-SHA-1'])
def test_scram_both_prove_it(suite, imap, mechanism):
    a = suite.accounts[0]
    line, right = scram_client(imap, a['address'], a['password'], mechanism)
    assert line.startswith(b'a OK') and right
    suite.wait_for(lambda: [e for e in fields(suite) if (e['mechanism'], e['login']) == (mechanism, a['address'])])


def test_scram_refuses(suite):
    a = suite.accounts[0]
    for user, password, kw in (
            (a['address'], 'wrong', {}), ('nobody@example.test', 'x', {}), ('', 'x', {}), ('a=2Cb@example.test', 'x', {}),
            (a['address'], a['password'], {'change': lambda s: s.replace('c=biws', 'c=eSws')}),
            (a['address'], a['password'], {'change': lambda s: s.replace(',p=', 'x,p=')})):
        c = Imap(suite)
        line, _ = scram_client(c, user, password, **kw)
        assert re.match(rb'a (NO \[AUTHENTICATIONFAILED\]|BAD)', line), (user, line)
        c.close()


def test_unknown_logins_have_a_stable_salt(suite):
    def salt(user):
        c = Imap(suite)
        first = c.say(f'a AUTHENTICATE SCRAM-SHA-256 {B64(f"n,,n={user},r=abc".encode())}')
        c.close()
        return re.search(rb's=([^,]+),i=(\d+)', base64.b64decode(first[2:])).groups()

    known, unknown = salt(suite.accounts[0]['address']), salt('nobody@example.test')
    assert known == salt(suite.accounts[0]['address']) and unknown == salt('NOBODY@example.test')
    assert unknown != salt('other@example.test')
    assert [len(base64.b64decode(s)) for s, _ in (known, unknown)] == [16, 16] and known[1] == unknown[1] == b'10000'


@pytest.mark.parametrize('message', [b'', b'x', b'n,,', b'n,,n=a', b'n,,n=a,r=', b'n,,r=b,n=a', b'n,,m=1,n=a,r=b', b'q,,n=a,r=b',
                                     b'n,,n=a\0b,r=c', b'n,,n=a=,r=b', b'n,,n=' + b'a' * 1100 + b',r=b', b'n,,n=a,r=\x80', b'\xff' * 500])
def test_scram_bad_first_messages(suite, imap, message):
    r = imap.say(f'a AUTHENTICATE SCRAM-SHA-256 {B64(message) or "="}')
    if r.startswith(b'+ '):  # what the library takes for a message must still come to nothing
        r = imap.say(B64(b'c=biws,r=x,p=AAAA'))
    assert re.match(rb'a (BAD|NO \[AUTHENTICATIONFAILED\])', r), r
    assert imap.say('b NOOP') == b'b OK NOOP completed'


@pytest.mark.parametrize('last', ['eA==', '*', '!'])
def test_scram_has_the_last_word(suite, imap, last):
    a = suite.accounts[0]
    r, right = scram_client(imap, a['address'], a['password'], last=last)
    assert right and r.startswith(b'a BAD'), r
    assert scram_client(imap, a['address'], a['password'], tag='b')[0].startswith(b'b OK')


def test_out_of_step(suite, imap):
    a = suite.accounts[0]
    assert imap.say('a AUTHENTICATE SCRAM-SHA-256') == b'+ '
    assert imap.say(B64(b'c=biws,r=x,p=AAAA')).startswith(b'a BAD')
    first = f'b AUTHENTICATE SCRAM-SHA-256 {B64(("n,,n=%s,r=abc" % a["address"]).encode())}'
    assert imap.say(first).startswith(b'+ ')
    assert imap.say(first.split()[-1]).startswith(b'b ')
    assert imap.say('c AUTHENTICATE PLAIN') == b'+ '
    assert imap.say('not base64!').startswith(b'c BAD')
    assert imap.say('d AUTHENTICATE LOGIN').startswith(b'+ VXNlcm5hbWU6')
    assert imap.say('*').startswith(b'd BAD')
    assert imap.say('e NOOP') == b'e OK NOOP completed'


@pytest.mark.parametrize('message', [b'', b'x', b'a\0b', b'\0\0', b'\0a\0b\0c', b'\0a\0b\0', b'a' * 3000, b'\0' * 300])
def test_plain_malformed(imap, message):
    assert re.match(rb'a (BAD|NO)', imap.say(f'a AUTHENTICATE PLAIN {B64(message) or "="}'))


def test_64k_names(suite):
    for line in (f'a AUTHENTICATE {"X" * 65536}', f'a AUTHENTICATE PLAIN {"A" * 65536}'):
        c = Imap(suite)
        c.socket.sendall(line.encode() + b'\r\n')
        assert b'BAD' in c.line() and b'BYE' in c.line()
        c.close()
    c = Imap(suite)
    assert c.say('a AUTHENTICATE PLAIN') == b'+ '
    try:
        c.socket.sendall(b'A' * 65536 + b'\r\n')
        assert b'BYE' in c.line()
    except ConnectionError:
        pass
    c.close()
    suite.login().logout()


def test_login_with_initial_response(suite, imap):
    a = suite.accounts[0]
    assert imap.say(f'a AUTHENTICATE LOGIN {B64(a["address"].encode())}') == b'+ ' + base64.b64encode(b'Password:')
    assert imap.say(B64(a['password'].encode())).startswith(b'a OK')


def test_keys_come_with_the_first_password_login(suite):
    suite.tool('domain', 'set', '--scram', 'on', 'later.test')
    suite.tool('domain', 'set', '--scram', 'off', 'later.test')
    suite.tool('user', 'add', '--password-stdin', 'zoe@later.test', input='pass\n')
    has = lambda: json.loads(suite.tool('user', 'show', '--json', 'zoe@later.test').stdout)['scram']
    c = Imap(suite)
    assert scram_client(c, 'zoe@later.test', 'pass')[0].startswith(b'a NO') and not has()
    suite.tool('domain', 'set', '--scram', 'on', 'later.test')
    assert c.say('b LOGIN zoe@later.test pass').startswith(b'b OK')
    c.close()
    suite.wait_for(has)
    c = Imap(suite)
    assert scram_client(c, 'zoe@later.test', 'pass')[0].startswith(b'a OK')
    c.close()


def test_password_that_saslprep_changes(suite):
    suite.tool('user', 'add', '--password-stdin', 'prep@example.test', input='caf\u00e9\u00a0\u2168\n')
    c = Imap(suite)  # RFC 4013: a no-break space is a blank, the Roman nine is "IX"
    assert scram_client(c, 'prep@example.test', 'caf\u00e9 IX')[0].startswith(b'a OK')
    c.close()


# --- tokens

def url64(b):
    return base64.urlsafe_b64encode(b).rstrip(b'=').decode()


def sign(alg, key, text):
    if alg == 'EdDSA':
        path = key.parent / 'text'
        path.write_bytes(text)
        return openssl('pkeyutl', '-sign', '-inkey', key, '-rawin', '-in', path)
    signature = openssl('dgst', '-sha256', '-sign', key, input=text)
    if alg == 'ES256':
        fields = openssl('asn1parse', '-inform', 'DER', input=signature).decode()
        signature = b''.join(bytes.fromhex(n.rjust(64, '0')[-64:]) for n in re.findall(r'INTEGER\s+:(\w+)', fields))
    return signature


def token(keys, alg='ES256', header=None, key=None, **claims):
    claims = {'iss': 'https://id.example.test', 'aud': 'mail.example.test', 'scope': 'openid mail', 'exp': time.time() + 300,
              'nbf': time.time() - 5, 'email': 'user1@example.test'} | claims
    parts = [url64(json.dumps(x).encode()) for x in ({'alg': alg, 'typ': 'JWT'} | (header or {}),
                                                     {k: v for k, v in claims.items() if v is not None})]
    text = '.'.join(parts)
    return f'{text}.{url64(sign(alg, key or keys[alg][0], text.encode()))}'


def bearer(imap, jwt, user='user1@example.test', tag='a'):
    authzid = f'a={user}' if user else ''
    return imap.say(f'{tag} AUTHENTICATE OAUTHBEARER ' + B64(f'n,{authzid},\1host=x\1port=143\1auth=Bearer {jwt}\1\1'.encode()))


@pytest.mark.parametrize('alg', ['RS256', 'ES256', 'EdDSA'])
def test_tokens(suite, keys, alg):
    for user in ('user1@example.test', ''):
        c = Imap(suite)
        assert bearer(c, token(keys, alg), user).startswith(b'a OK')
        c.close()
    c = Imap(suite)
    xoauth2 = f'user=user1@example.test\1auth=Bearer {token(keys, alg)}\1\1'
    assert c.say('a AUTHENTICATE XOAUTH2 ' + B64(xoauth2.encode())).startswith(b'a OK')
    c.close()


def test_tokens_refused(suite, keys, tmp_path):
    openssl('genpkey', '-algorithm', 'ED25519', '-out', tmp_path / 'other')
    good = token(keys)
    head, body, signature = good.split('.')
    public = base64.b64decode(keys['RS256'][1])
    hs = url64(b'{"alg":"HS256"}') + '.' + body
    bad = {
        'expired': token(keys, exp=time.time() - 120), 'no end': token(keys, exp=None), 'too early': token(keys, nbf=time.time() + 600),
        'issuer': token(keys, iss='https://evil.test'), 'no issuer': token(keys, iss=None), 'audience': token(keys, aud=['a', 'b']),
        'scope': token(keys, scope='openid mailbox'), 'no account': token(keys, email=None), 'another account': token(keys, email='user2@example.test'),
        'unknown account': token(keys, email='nobody@example.test'), 'list as name': token(keys, email=['user1@example.test']),
        'other key': token(keys, 'EdDSA', key=tmp_path / 'other'), 'none': url64(b'{"alg":"none"}') + '.' + body + '.',
        'public key as a secret': hs + '.' + url64(hmac.new(public, hs.encode(), hashlib.sha256).digest()),
        'algorithm lies': token(keys, header={'alg': 'RS256'}), 'crit': token(keys, header={'crit': ['x']}),
        'changed': f'{head}.{url64(base64.urlsafe_b64decode(body + "==").replace(b"user1", b"user2"))}.{signature}',
        'no jwt': 'opaque', 'dots': '...', 'empty signature': f'{head}.{body}.', 'short': f'{head}.{body}.AAAA',
    }
    for why, jwt in bad.items():
        c = Imap(suite)
        r = bearer(c, jwt)
        assert r.startswith(b'+ '), (why, r)
        answer = json.loads(base64.b64decode(r[2:]))
        assert answer['status'] == 'invalid_token' and answer['scope'] == 'mail' and 'openid-configuration' in answer
        assert c.say('AQ==').startswith(b'a NO [AUTHENTICATIONFAILED]'), why
        c.close()


def test_tokens_that_name_nobody_are_nobodys_tries(new_suite, keys):
    """Neither good tokens nor those of strangers use up the tries of other clients that need not say who they are."""
    s = new_suite(conf=CONF.replace('per_minute = 0', 'per_minute = 3') + f'oauth_keys = {{"{keys["ES256"][1]}"}}\n')

    def log_in(jwt, source='127.0.0.1'):
        c = Imap(s, source)
        answer = bearer(c, jwt, '')
        c.close()
        return answer

    assert all(log_in(token(keys)).startswith(b'a OK') for _ in range(20))
    bad = [log_in(token(keys, aud='other'), '127.0.0.2') for _ in range(20)]
    assert bad[0].startswith(b'+ ') and bad[-1].startswith(b'a NO [UNAVAILABLE]')
    assert log_in(token(keys, email='user2@example.test')).startswith(b'a OK')


@pytest.mark.parametrize('message', [b'', b'n,', b'n,,', b'n,,\1', b'n,,\1\1', b'n,,\1auth=Basic x\1\1', b'n,,\1auth=Bearer \1\1',
                                     b'p=tls-exporter,,\1auth=Bearer x\1\1', b'n,a=b=c,\1auth=Bearer x\1\1', b'n,,\1auth=Bearer x\1',
                                     b'n,,\1auth=Bearer x\1\1y', b'n,,\1auth=Bearer x\1auth=Bearer y\1\1', b'n,,\0\1auth=Bearer x\1\1'])
def test_bearer_malformed(imap, message):
    assert imap.say(f'a AUTHENTICATE OAUTHBEARER {B64(message) or "="}').startswith(b'a BAD')


# --- accounts

def test_master_user(suite):
    """user2 may use user1's mailbox, user3 may not."""
    u1, u2, u3 = suite.accounts
    for name, password, good in ((f'{u1["address"]}*{u2["address"]}', u2['password'], True), (f'{u1["address"]}*{u3["address"]}', u3['password'], False),
                                 (f'{u1["address"]}*{u2["address"]}', u1['password'], False), (f'nobody@example.test*{u2["address"]}', u2['password'], False)):
        c = Imap(suite)
        assert c.say(f'a LOGIN "{name}" {password}').startswith(b'a OK' if good else b'a NO'), name
        c.close()
    c = Imap(suite)
    plain = f'{u1["address"]}\0{u2["address"]}\0{u2["password"]}'
    assert c.say('a AUTHENTICATE PLAIN ' + B64(plain.encode())).startswith(b'a OK')
    c.close()
    c = Imap(suite)
    line, right = scram_client(c, u2['address'], u2['password'], header=f'n,a={u1["address"]},')
    assert line.startswith(b'a OK') and right
    c.close()
    entered = lambda: [(e['login'], e['master']) for e in fields(suite) if e['master']]
    suite.wait_for(lambda: entered() == [(u1['address'], u2['address'])] * 3)


def test_a_masters_app_password_opens_his_own_account_only(suite):
    victim, master = suite.accounts[0]['address'], suite.accounts[1]['address']
    p = app_password(suite, master, 'telephone')
    for name, good in ((master, True), (f'{victim}*{master}', False), (f'{master}*{master}', True)):
        c = Imap(suite)
        assert c.say(f'a LOGIN "{name}" {p}').startswith(b'a OK' if good else b'a NO [AUTHENTICATIONFAILED]'), name
        c.close()
    suite.tool('user', 'app-password', 'delete', master, 'telephone')


def app_password(suite, address, name, *options):
    return suite.tool('user', 'app-password', 'add', *options, address, name).stdout.strip()


def test_app_passwords(suite):
    u = suite.accounts[2]['address']
    both, mail, read = app_password(suite, u, 'laptop'), app_password(suite, u, 'printer', '--scope', 'smtp'), app_password(suite, u, 'phone', '--scope', 'imap')
    assert re.fullmatch(r'(\w{5}-){4}\w{5}', both)

    def imap_login(password):
        c = Imap(suite)
        try:
            return c.say(f'a LOGIN {u} "{password}"').startswith(b'a OK')
        finally:
            c.close()

    def test(service, password):
        return suite.tool('auth', 'test', '--service', service, '--password-stdin', u, input=password + '\n', check=False).returncode == 0

    assert imap_login(both) and imap_login(read) and not imap_login(mail)
    assert imap_login(both.replace('-', ' ').upper()) and not imap_login(both[:-1] + ('x' if both[-1] != 'x' else 'y'))
    assert test('smtp', mail) and test('smtp', both) and not test('smtp', read) and test('imap', read)
    shown = json.loads(suite.tool('user', 'show', '--json', u).stdout)['app_passwords']
    assert {a['name']: (a['smtp'], a['imap']) for a in shown} == {'laptop': (True, True), 'printer': (True, False), 'phone': (False, True)}
    assert suite.tool('user', 'app-password', 'add', u, 'phone', check=False).returncode == 73
    suite.tool('user', 'app-password', 'delete', u, 'laptop')
    assert not imap_login(both) and imap_login(read)
    log = (suite.top / 'account/changes.log').read_text()
    assert both not in log and both.split('-')[1] not in open(suite.log).read()


def test_flags(suite):
    suite.tool('user', 'add', '--password-stdin', '--imap', 'off', 'sendonly@example.test', input='x\n')
    c = Imap(suite)
    assert c.say('a LOGIN sendonly@example.test x').startswith(b'a NO [AUTHENTICATIONFAILED]')
    c.close()
    assert suite.tool('auth', 'test', '--service', 'smtp', '--password-stdin', 'sendonly@example.test', input='x\n').returncode == 0
    suite.tool('user', 'set', '--imap', 'on', '--smtp', 'off', 'sendonly@example.test')
    assert suite.tool('auth', 'test', '--service', 'smtp', '--password-stdin', 'sendonly@example.test', input='x\n', check=False).returncode == 77
    c = Imap(suite)
    assert c.say('a LOGIN sendonly@example.test x').startswith(b'a OK')
    c.close()


def test_sessions_end_when_the_account_may_not_any_more(suite):
    for n, command in enumerate((('passwd', '--password-stdin'), ('disable',), ('delete',), ('set', '--imap', 'off'))):
        u = f'ends{n}@example.test'
        suite.tool('user', 'add', '--password-stdin', u, input='x\n')
        c, other = Imap(suite), suite.login()
        assert c.say(f'a LOGIN {u} x').startswith(b'a OK')
        suite.tool('user', *command, u, input='y\n')
        c.socket.settimeout(10)
        rest = c.file.read()
        assert b'BYE' in rest, (command, rest)
        assert other.noop()[0] == 'OK'  # nobody else's
        other.logout()
        c.close()


def test_a_session_that_does_not_listen_ends_all_the_same(suite):
    """Taken over, or stuck with a client that reads nothing: the account's rights end."""
    u = 'deaf@example.test'
    suite.tool('user', 'add', '--password-stdin', u, input='x\n')
    c = Imap(suite)
    assert c.say(f'a LOGIN {u} x').startswith(b'a OK')
    spawn = next(r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'spawn')
    session = max(map(int, pathlib.Path(f'/proc/{spawn}/task/{spawn}/children').read_text().split()))
    os.kill(session, signal.SIGSTOP)
    try:
        suite.tool('user', 'disable', u)
        c.socket.settimeout(20)
        assert c.file.read() == b''
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(session, signal.SIGKILL)
    revoked = [e['fields']['pid'] for e in suite.wait_event('session-revoked', login=u)]
    assert revoked == [session]
    c.close()


def test_one_evil_among_a_hundred(suite):
    """99 log in while one sends rubbish all the time."""
    stop = threading.Event()

    def evil():
        while not stop.is_set():
            c = Imap(suite)
            c.say('a AUTHENTICATE PLAIN')
            c.socket.sendall(b'!!!\r\n' + b'b AUTHENTICATE SCRAM-SHA-256 ' + base64.b64encode(b'n,,n=\0') + b'\r\n')
            c.line()
            c.close()

    t = threading.Thread(target=evil)
    t.start()
    try:
        for n in range(99):
            a = suite.accounts[n % 3]
            c = Imap(suite)
            assert scram_client(c, a['address'], a['password'])[0].startswith(b'a OK')
            c.close()
    finally:
        stop.set()
        t.join()


def test_a_thousand_tries_in_parallel_are_counted(new_suite):
    s = new_suite(conf='imap_failure_delay = 0ms\nauth_tries_per_minute = 10\nimap_workers = 1\n')
    user = s.accounts[0]['address']
    tries = [Imap(s) for _ in range(200)]
    for c in tries:
        c.socket.sendall(b''.join(b'x%d LOGIN %s wrong\r\n' % (i, user.encode()) for i in range(5)))
    answers = [c.line() for c in tries for _ in range(5)]
    for c in tries:
        c.close()
    assert len(answers) == 1000
    assert sum(b'AUTHENTICATIONFAILED' in a for a in answers) == 10


def test_reload(new_suite):
    """What is offered changes, and nobody who logs in meanwhile notices."""
    s = new_suite(conf='sasl_mechanisms = {"PLAIN"}\nimap_workers = 1\n')
    conf = pathlib.Path(s.conf)
    stop, failed = threading.Event(), []

    def log_in():
        while not stop.is_set():
            try:
                s.login().logout()
            except Exception as e:
                failed.append(repr(e))

    t = threading.Thread(target=log_in)
    t.start()
    try:
        for offered in ('"PLAIN", "LOGIN"', '"LOGIN"', '"SCRAM-SHA-256", "PLAIN"'):
            conf.write_text(re.sub('sasl_mechanisms = .*', f'sasl_mechanisms = {{{offered}}}', conf.read_text()))
            s.tool('reload')

            def greets():
                c = Imap(s)
                c.close()
                assert (b'LOGINDISABLED' in c.greeting) == (b'AUTH=PLAIN' not in c.greeting)
                return re.findall(rb'AUTH=(\S+?)[\] ]', c.greeting) == offered.replace('"', '').encode().split(b', ')
            s.wait_for(greets)
    finally:
        stop.set()
        t.join()
    # LOGIN of IMAP is PLAIN for sasl: while that is not offered it is refused
    assert all('no such mechanism' in f for f in failed), failed


def test_settings_are_checked(suite):
    assert 'there is no mechanism "CRAM-MD5"' in suite.config_fault(lambda c: c.replace('"SCRAM-SHA-256-PLUS"', '"CRAM-MD5"'))


@pytest.mark.skipif(os.geteuid() != 0, reason='looks into processes')
def test_passwords_do_not_stay_in_memory(suite):
    """However they came, right or wrong, in pieces, in one packet with what follows, or in a line that is no command."""
    a, n = suite.accounts[1], 0
    secrets = [f'Geheim-{i}-{os.urandom(6).hex()}-{"x" * 90 * i}-Ende' for i in range(3)]
    plain = lambda secret: f'AUTHENTICATE PLAIN {B64(f"""{chr(0)}{a["address"]}{chr(0)}{secret}""".encode())}'
    open_ones = []
    for secret in secrets:
        suite.tool('user', 'passwd', '--password-stdin', a['address'], input=secret + '\n')
        for text in (f'LOGIN {a["address"]} "{secret}"', plain(secret), f'LOGIN {a["address"]} "{secret}" more', plain(secret) + '!!',
                     f'NONSENSE "{secret}"', f'NOOP\r\na LOGIN {a["address"]} "{secret}"\r\nb NOOP', f'LOGIN {a["address"]} {{{len(secret)}+}}\r\n{secret}\r\nb NOOP',
                     f'LOGIN {a["address"]} "{secret}'):  # which never ends
            for piece in (10000, 7):
                c = Imap(suite)
                data = f'a {text}\r\n'.encode()
                for i in range(0, len(data), piece):
                    c.socket.sendall(data[i:i + piece])
                    if piece < 100:
                        time.sleep(0.0005)
                if text[-1] != 'e':
                    c.line()
                (c.close() if n % 2 else open_ones.append(c))
                n += 1
    for secret in secrets:
        wanted = [secret[:24].encode(), B64(b'\0' + a['address'].encode() + b'\0' + secret.encode())[40:64].encode()]
        for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()):
            if r.get('pid') and r['process'] != 'imapd-session':
                found = memory(r['pid'])
                where = [found[max(0, found.find(w) - 100):][:300] for w in wanted if w in found]
                assert not where, r['process']
    for c in open_ones:
        c.close()
    suite.tool('user', 'passwd', '--password-stdin', a['address'], input=a['password'] + '\n')
