"""Tokens that only who issued them can judge (RFC 7662): a server of the test's own is asked by the suite's HTTPS client."""
import base64, json, pathlib, shutil, ssl, sys, tempfile, threading, time, urllib.parse
import pytest
import https_server
from conftest import TESTS, running
from test_sasl import Imap, bearer, fields, keys, token  # keys is a fixture

sys.path.insert(0, str(TESTS))
from certificates import Authority

ME = 'user1@example.test'
PATH = '/oauth/introspect'


class Issuer:
    """Knows tokens, and us by name and secret."""
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-issuer-'))
        self.top.chmod(0o755)
        self.ca = Authority(self.top)
        self.ca.path.chmod(0o644)
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(*map(str, self.ca.issue('issuer', ['127.0.0.1'])))
        self.server = https_server.Server(c)
        self.server.plan['127.0.0.1', PATH] = self.answer
        self.tokens, self.raw, self.held = {}, {}, None

    def answer(self, c, r):
        form = urllib.parse.parse_qs(r.body.decode())
        asked, = form['token']
        if self.held is not None:
            self.held.wait(30)
        right = 'Basic ' + base64.b64encode(b'mail%20host:s%3Acret%25').decode()
        if r.method != 'POST' or r.headers.get('authorization') != right or r.headers['content-type'] != 'application/x-www-form-urlencoded':
            c.sendall(https_server.answer(401, '{}', 'application/json'))
        elif asked in self.raw:
            c.sendall(self.raw[asked])
        else:
            c.sendall(https_server.answer(200, json.dumps(self.tokens.get(asked, {'active': False})), 'application/json'))

    def close(self):
        self.server.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def issuer():
    i = Issuer()
    yield i
    i.close()


def conf(issuer, extra=''):
    port = issuer.server.port
    return f'''imap_failure_delay = 50ms
imap_workers = 1
auth_tries_per_minute = 30
sasl_mechanisms = {{"OAUTHBEARER", "XOAUTH2", "PLAIN"}}
tls_ca_file = "{issuer.ca.path}"
fetch_ports = {{{port}}}
fetch_port = {port}
fetch_private_networks = {{"127.0.0.1"}}
oauth_introspection_url = "https://127.0.0.1:{port}{PATH}"
oauth_introspection_client = "mail host"
oauth_introspection_secret = "s:cret%"
oauth_audience = "mail.example.test"
oauth_scope = "mail"
''' + extra


@pytest.fixture(scope='module')
def suite(issuer, keys):
    with running(conf=conf(issuer, f'''oauth_issuer = "https://id.example.test"\noauth_keys = {{"{keys['ES256'][1]}"}}\n'''), users=3) as s:
        yield s


GOOD = {'active': True, 'aud': 'mail.example.test', 'scope': 'openid mail', 'email': ME}


def log_in(suite, jwt, user=ME):
    c = Imap(suite)
    try:
        line = bearer(c, jwt, user)
        return c.say('') if line.startswith(b'+ ') else line
    finally:
        c.close()


@pytest.mark.parametrize('user', [ME, ''])
def test_an_opaque_token(suite, issuer, user):
    issuer.tokens['op~aque+/token=='] = GOOD
    assert log_in(suite, 'op~aque+/token==', user).startswith(b'a OK')
    c = Imap(suite)
    assert c.say('a AUTHENTICATE XOAUTH2 ' + base64.b64encode(f'user={ME}\1auth=Bearer op~aque+/token==\1\1'.encode()).decode()).startswith(b'a OK')
    c.close()


@pytest.mark.parametrize('change', [
    {'active': False}, {'active': 'true'}, {'active': None}, {'aud': 'other'}, {'aud': None}, {'scope': 'openid'}, {'scope': None}, {'email': None},
    {'email': 'user2@example.test'}, {'email': 'nobody@example.test'}, {'iss': 'https://elsewhere.test'}, {'exp': 1000000000},
    {'exp': 'soon'}, {'nbf': 4000000000}, {'email': f'user2@example.test*{ME}'}], ids=str)
def test_what_is_not_good(suite, issuer, change):
    answer = {k: v for k, v in (GOOD | change).items() if v is not None}
    issuer.tokens['bad'] = answer
    assert log_in(suite, 'bad').startswith(b'a NO [AUTHENTICATIONFAILED]'), answer
    issuer.tokens['bad'] = GOOD | {'iss': 'https://id.example.test', 'exp': time.time() + 60, 'nbf': time.time() - 60}
    assert log_in(suite, 'bad').startswith(b'a OK')


@pytest.mark.parametrize('raw', [
    https_server.answer(200, 'rubbish'), https_server.answer(200, '[]', 'application/json'), https_server.answer(200, '{"active": true, "active": true}'),
    https_server.answer(200, '[' * 20000)], ids=['rubbish', 'list', 'twice', 'deep'])
def test_what_is_no_answer_about_it(suite, issuer, raw):
    issuer.raw['raw'] = raw
    assert log_in(suite, 'raw').startswith(b'a NO [AUTHENTICATIONFAILED]')


@pytest.mark.parametrize('raw', [
    https_server.answer(500, '{}'), https_server.answer(302, '', headers=['Location: https://127.0.0.1/']), https_server.answer(200, '{"active": true, "x": "' + 'x' * 60000 + '"}'),
    b'', b'nonsense'], ids=['500', 'redirect', 'large', 'nothing', 'nonsense'])
def test_who_cannot_be_asked(suite, issuer, raw):
    """Nobody is told that a token is bad when that is not known."""
    issuer.raw['raw'] = raw
    assert log_in(suite, 'raw').startswith(b'a NO [UNAVAILABLE]')


def test_what_was_not_found_out_is_no_guess(issuer):
    """Who tried while nobody could be asked may try again: only answers count against him."""
    with running(conf=conf(issuer).replace('tries_per_minute = 30', 'tries_per_minute = 2'), users=1) as s:
        issuer.raw['later'] = https_server.answer(500, '{}')
        for _ in range(3):
            assert log_in(s, 'later').startswith(b'a NO [UNAVAILABLE]')
        issuer.tokens['wrong'] = {'active': False}
        for _ in range(2):
            assert log_in(s, 'wrong').startswith(b'a NO [AUTHENTICATIONFAILED]')
        assert log_in(s, 'wrong').startswith(b'a NO [UNAVAILABLE]')
        assert len(s.events('auth-throttled')) == 1


def test_a_signed_token_is_not_told_to_others(suite, issuer, keys):
    before = len(issuer.server.requests)
    assert log_in(suite, token(keys)).startswith(b'a OK')
    assert log_in(suite, token(keys, exp=1)).startswith(b'a NO')
    assert len(issuer.server.requests) == before


def test_others_are_not_held_up(suite, issuer):
    """While the issuer takes its time, other logins go on."""
    issuer.tokens['slow'] = GOOD
    issuer.held = threading.Event()
    seen = len(issuer.server.requests)
    result = []
    t = threading.Thread(target=lambda: result.append(log_in(suite, 'slow')))
    t.start()
    suite.wait_for(lambda: len(issuer.server.requests) > seen)
    suite.login(1).logout()
    assert not result
    issuer.held.set()
    t.join(20)
    issuer.held = None
    assert result[0].startswith(b'a OK')


def test_tries_are_counted(new_suite, issuer):
    """Whoever guesses tokens is stopped before the issuer is asked."""
    s = new_suite(conf=conf(issuer).replace('auth_tries_per_minute = 30', 'auth_tries_per_minute = 3'))
    before = len(issuer.server.requests)
    answers = [log_in(s, f'guess{n}') for n in range(12)]
    assert answers[0].startswith(b'a NO [AUTHENTICATIONFAILED]') and answers[-1].startswith(b'a NO [UNAVAILABLE]')
    assert len(issuer.server.requests) - before <= 6


def test_we_are_not_known_there(new_suite, issuer):
    issuer.tokens['good'] = GOOD
    s = new_suite(conf=conf(issuer).replace('s:cret%', 'old'))
    assert log_in(s, 'good').startswith(b'a NO [UNAVAILABLE]')
    assert 'does not know us' in s.wait_for(lambda: fields(s, 'auth-unavailable'))[0]['why']
    assert 'old' not in open(s.log).read()
