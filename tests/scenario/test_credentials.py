"""Logging in at other hosts: which login mail gets, how it is made, and what becomes of mail when it cannot be."""
import base64, json, os, pathlib, re, shutil, smtplib, ssl, sys, tempfile, urllib.parse
import pytest
import conftest, https_server, ipc
import smtp_fault_server as fault
from real_servers import PostfixWithLogins
from smtp_fault_server import FaultServer

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

SENDER = 'user1@example.test'
SECRETS = ['relay-secret', 'user2 secret: with blank', 'secret-of-nobody-else', 'the-domains-secret']


def context(ca, name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(*map(str, ca.issue(name, ['127.0.0.1'])))
    return c


def b64(text):
    return base64.b64encode(text).decode()


# what the server says to AUTH -> what is said of the mail, which waits
TROUBLE = {
    'refused': (['535 5.7.8 wrong'], '4.7.8', 'login as relay was refused by 127.0.0.1'),
    'later': (['454 4.7.0 later'], '4.7.0', 'later (in reply to AUTH command)'),
    'going': (['421 4.3.2 going down'], '4.3.2', 'going down'),
    'no such mechanism': (['504 5.5.4 not that'], '4.7.0', 'offers no mechanism that may be used'),
    'too early': (['250 2.0.0 fine'], '4.5.0', 'its answer makes no sense'),
    'another class': (['354 go'], '4.5.0', 'its answer makes no sense'),
    'challenges': (['334 '] * 2, '4.7.0', 'it asks for more than PLAIN has'),
    'not base64': (['334 @@@'], '4.5.0', 'its challenge is not base64'),
    'lines': (['334-' + b64(b'x') + '\n334 ' + b64(b'x')], '4.5.0', 'its challenge is not base64'),
    'endless line': ([fault.ENDLESS_LINE], '4.5.0', 'line too long'),
    'flood': ([fault.FLOOD], '4.5.0', 'protocol error'),
    'garbage': ([fault.GARBAGE], '4.5.0', 'no valid reply'),
    'closes': ([fault.CLOSE], '4.4.2', 'waiting for an answer to AUTH command'),
    'in advance': ([lambda s: s.send_raw(b'235 2.7.0 ok\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 taken\r\n')], '4.5.0', 'reply to no command'),
}


class World:
    """A server that wants logins, one that is not safe, one for trouble, and a token endpoint."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-logins-'))
        self.top.chmod(0o755)
        self.ca = Authority(self.top / 'ca')
        self.top.joinpath('ca').chmod(0o755)
        self.ca.path.chmod(0o644)
        tls = context(self.ca, 'relay')
        accounts = {('relay', SECRETS[0]), ('user2', SECRETS[1]), ('both', SECRETS[2]), ('domain', SECRETS[3])}
        self.relay = FaultServer(tls=tls, accounts=accounts, mechanisms=['PLAIN', 'LOGIN'])
        self.login = FaultServer(tls=tls, accounts=accounts, mechanisms=['LOGIN', 'CRAM-MD5'])
        self.clear = FaultServer(accounts=accounts, mechanisms=['PLAIN', 'LOGIN'])
        self.zoo = {}
        for i, (what, (plan, _, _)) in enumerate(TROUBLE.items()):
            self.zoo[what] = s = FaultServer(tls=tls, accounts=accounts, mechanisms=['PLAIN'])
            setattr(self, f'trouble{i}', s)
            for action in plan:
                s.plan('auth', action)
        self.oauth = FaultServer(tls=tls, mechanisms=['XOAUTH2', 'PLAIN'])
        self.bearer = FaultServer(tls=tls, mechanisms=['OAUTHBEARER'])
        self.rotating = FaultServer(tls=tls, mechanisms=['XOAUTH2'])
        self.none = FaultServer(tls=tls)
        self.tokens = https_server.Server(context(self.ca, 'tokens'))
        self.servers = {k: v for k, v in vars(self).items() if isinstance(v, FaultServer)}
        self.file = self.top / 'credentials'
        self.write('relay', SECRETS[0])

    def write(self, user, password):
        token = f'user={SENDER} token_endpoint=https://127.0.0.1:{self.tokens.port}/token client_id=us client_secret="s cret"'
        zoo = '\n'.join(f'{s.hop} relay:{SECRETS[0]}' for s in self.zoo.values())
        self.file.write_text(f'''# logins
{self.relay.hop}	{user}:{password}
user2@example.test	user2:{SECRETS[1]}
user3@example.test,{self.relay.hop}	both:{SECRETS[2]}
@domain.test	domain:{SECRETS[3]}
{self.login.hop}	relay:{SECRETS[0]}
{self.clear.hop}	relay:{SECRETS[0]}
{self.none.hop}	relay:{SECRETS[0]}
{zoo}
{self.oauth.hop}	oauth
	{token}
	refresh_token=refresh-1
{self.bearer.hop}	oauth {token} scope="mail send"
''')
        self.file.chmod(0o600)

    def conf(self):
        hops = ', '.join(f'{s.hop}=yes' for s in self.servers.values())
        routes = ', '.join(f'{k}.test=smtp:{s.hop}' for k, s in self.servers.items())
        ports = ', '.join(str(s.port) for s in self.servers.values())
        return f'''
minimal_backoff = 1s
maximal_backoff = 2s
remote_tls = may
tls_ca_file = "{self.ca.path}"
remote_ports = {{{ports}}}
transport_maps = {{"inline:{{{routes}}}"}}
remote_auth = {{"inline:{{{hops}}}"}}
remote_credentials = "{self.file}"
remote_auth_refused_time = 2s
fetch_ports = {{{self.tokens.port}}}
fetch_port = {self.tokens.port}
fetch_private_networks = {{"127.0.0.1"}}
'''

    def close(self):
        for s in self.servers.values():
            s.close()
        self.tokens.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()
    assert [s.faults for s in w.servers.values() if s.faults] == []


@pytest.fixture(scope='module')
def suite(world):
    with conftest.running(conf=world.conf(), users=3) as s:
        yield s
        log = pathlib.Path(s.log).read_text()
        assert not [x for x in SECRETS + ['refresh-1'] if x in log] and not re.search(r'token-\d', log)


def send(suite, subject, to, sender=SENDER):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(sender, [f'them@{to}.test'], f'Subject: {subject}\r\n\r\nbody\r\n')


def taken(server, subject):
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def arrives(suite, server, subject):
    return suite.wait_for(lambda: taken(server, subject), 60)[0]


def waits(suite, to, what):
    """The event about mail that has to wait, with that in its text."""
    def look():
        fields = [e['fields'] for e in suite.events('deferred')]
        return [f for f in fields if f['to'] == f'them@{to}.test' and what in f['status']]
    return suite.wait_for(look, 60)[-1]


def memory_of(pid):
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb') as mem:
        for line in maps:
            place, rights = line.split()[:2]
            if rights.startswith('rw'):
                begin, end = (int(n, 16) for n in place.split('-'))
                mem.seek(begin)
                yield mem.read(end - begin)


@pytest.mark.skipif(os.geteuid() != 0, reason='looks into processes')
def test_one_login_at_a_time(suite, world):
    """deliver-remote has the login of its job, and no other one of the file."""
    send(suite, 'memory', 'relay')
    assert arrives(suite, world.relay, 'memory').login == 'relay'
    status = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    pids = {r['process']: r['pid'] for r in status if r.get('pid')}
    found = {role: [s for s in SECRETS if any(s.encode() in m for m in memory_of(pids[role]))]
             for role in ('credentials', 'deliver-remote', 'queue', 'lookup', 'fetch')}
    assert found['credentials'] == SECRETS and found['deliver-remote'] == SECRETS[:1]
    assert found['queue'] == found['lookup'] == found['fetch'] == []


@pytest.mark.parametrize('sender, user', [(SENDER, 'relay'), ('user2@example.test', 'user2'), ('user3@example.test', 'both'),
                                          ('Any@Domain.test', 'domain'), ('', 'relay')])
def test_who_logs_in(suite, world, sender, user):
    send(suite, f'by {sender}', 'relay', sender)
    m = arrives(suite, world.relay, f'by {sender}')
    assert m.login == user and m.tls and 'AUTH=<>' in m.mail_args
    mechanism, name, _, secured = next(l for l in reversed(world.relay.logins) if l[1] == user)
    assert (mechanism, name, secured) == ('PLAIN', user, True)


def test_sessions_are_shared_by_one_login_only(suite, world):
    for i in range(4):
        for sender in (SENDER, 'user2@example.test'):
            send(suite, f'shared {i} {sender}', 'relay', sender)
    by = {}
    for i in range(4):
        for sender in (SENDER, 'user2@example.test'):
            m = arrives(suite, world.relay, f'shared {i} {sender}')
            by.setdefault(m.connection, set()).add(m.login)
    assert all(len(logins) == 1 for logins in by.values()) and len(by) < 8


def test_login(suite, world):
    send(suite, 'by LOGIN', 'login')
    assert arrives(suite, world.login, 'by LOGIN').login == 'relay' and world.login.logins[-1][0] == 'LOGIN'


def test_transcript_without_secrets(suite, world):
    """It shows that there was a login and how it ended, but neither what was said for it nor what was asked."""
    for reply in ['334 c2VjcmV0IGNoYWxsZW5nZQ==', '454 4.7.0 later'] * 2:
        world.login.plan('auth', reply)
    send(suite, 'in secret', 'login', 'user2@example.test')
    id = suite.wait_event('deferred', to='them@login.test')[-1]['queue']
    (t,) = suite.wait_for(lambda: json.loads(suite.tool('queue', 'show', '-j', id).stdout).get('transcripts'))
    said = [l.partition(' ')[2].rstrip() for l in t['transcript'].splitlines()]
    at = said.index('> AUTH LOGIN')
    assert said[at:at + 4] == ['> AUTH LOGIN', '< 334 (not shown)', '> (not shown)', '< 454 4.7.0 later']
    arrives(suite, world.login, 'in secret')


def test_never_in_plain_text(suite, world):
    send(suite, 'not in clear', 'clear')
    assert waits(suite, 'clear', 'does not offer TLS')['dsn'] == '4.7.4'
    assert world.clear.logins == [] and world.clear.seen == []


def test_plain_text_at_loopback_addresses(world):
    """By setting, and by no other way: what has TLS is spoken to by TLS all the same."""
    with conftest.running(conf=world.conf() + 'remote_auth_plain_loopback = yes\n') as suite:
        for to, tls in ('clear', None), ('relay', 'TLSv1.3'):
            server = world.servers[to]
            send(suite, f'loopback {to}', to)
            m = arrives(suite, server, f'loopback {to}')
            assert m.login == 'relay' and m.tls == tls
        before = len(world.relay.seen)
        suite.wait_for(lambda: world.relay.open == 0)
        world.relay.plan('starttls', '454 4.7.0 not now')
        send(suite, 'loopback refused', 'relay')
        m = arrives(suite, world.relay, 'loopback refused')
        # it offers no logins in plain text: the mail has waited for TLS
        assert m.tls == 'TLSv1.3' and len(world.relay.seen) == before + 1


def test_nothing_without_login(suite, world):
    send(suite, 'no AUTH there', 'none')
    waits(suite, 'none', 'it offers no logins')
    assert world.none.seen == [] and not any(l.startswith(b'MAIL') for l in world.none.transcript)


@pytest.fixture(scope='module')
def troubled(suite, world):
    for i, what in enumerate(TROUBLE):
        send(suite, f'trouble {what}', f'trouble{i}')


@pytest.mark.parametrize('what', TROUBLE)
def test_trouble(suite, world, troubled, what):
    _, dsn, text = TROUBLE[what]
    to = f'trouble{list(TROUBLE).index(what)}'
    assert waits(suite, to, text)['dsn'] == dsn
    m = arrives(suite, world.zoo[what], f'trouble {what}')
    assert m.login == 'relay' and len(world.zoo[what].seen) == 1


def test_refused_login_is_not_repeated(suite, world):
    world.write('relay', 'changed-meanwhile')
    suite.tool('reload')
    try:
        before, told = len(world.relay.logins), len(suite.events('remote-login-refused'))
        send(suite, 'wrong password', 'relay')
        waits(suite, 'relay', 'login as relay was refused')
        id = next(e['queue'] for e in suite.events('deferred') if e['fields']['to'] == 'them@relay.test' and 'was refused' in e['fields']['status'])
        shown = suite.tool('queue', 'show', id).stdout
        assert '> AUTH PLAIN (not shown)' in shown and b64(b'\0relay\0changed-meanwhile') not in shown
        for i in range(3):
            send(suite, f'wrong password {i}', 'relay')
        suite.wait_for(lambda: len([e for e in suite.logged('deferred') if 'login as relay was refused' in e['fields']['status']]) > 5)
        tried = [l for l in world.relay.logins[before:] if l[1] == 'relay']
        refused = [e['fields'] for e in suite.events('remote-login-refused')[told:] if e['fields']['user'] == 'relay' and ':' + str(world.relay.port) in e['fields']['relay']]
        assert len(tried) == len(refused) < 5 and refused[0]['code'] == 535 and refused[0]['rule'] == f'{world.file}:2'
        # who has another login goes on
        send(suite, 'right password', 'relay', 'user2@example.test')
        assert arrives(suite, world.relay, 'right password').login == 'user2'
    finally:
        world.write('relay', SECRETS[0])
        suite.tool('reload')
    assert arrives(suite, world.relay, 'wrong password').login == 'relay'


def test_refused_login_over_a_reload(world):
    """Another deliver-remote does not try it again."""
    file = world.top / 'refused'
    file.write_text(f'{world.login.hop} relay:wrong\n')
    conf = world.conf().replace(str(world.file), str(file)).replace('remote_auth_refused_time = 2s', 'remote_auth_refused_time = 10m')
    with conftest.running(conf=conf, users=1) as suite:
        send(suite, 'refused once', 'login')
        waits(suite, 'login', 'login as relay was refused')
        pid = lambda: [json.loads(l)['pid'] for l in suite.tool('status', '--json').stdout.splitlines() if '"deliver-remote"' in l]
        before, tried = pid(), len(world.login.logins)
        text = pathlib.Path(suite.conf).read_text()
        pathlib.Path(suite.conf).write_text(text + 'remote_idle_time = 1s\n')
        suite.tool('reload')
        assert pid() != before
        send(suite, 'refused again', 'login')
        id = suite.wait_event('message-accepted', 2)[1]['queue']
        suite.wait_for(lambda: [e for e in suite.logged('deferred') if e['queue'] == id and 'login as relay was refused' in e['fields']['status']], 60)
        assert len(world.login.logins) == tried
        file.write_text(f'{world.login.hop} relay:{SECRETS[0]}\n')
        suite.tool('reload')
        assert arrives(suite, world.login, 'refused again').login == 'relay'


def test_a_bad_file_changes_nothing(suite, world):
    good = world.file.read_text()
    world.file.write_text(good + 'a line with-a-secret-without-colon\n')
    suite.tool('reload')
    fields = suite.wait_event('credentials-refused')[-1]['fields']
    assert fields['why'] == f'{good.count(chr(10)) + 1}: wants USER:PASSWORD, or oauth and its items'
    send(suite, 'with the old file', 'relay')
    assert arrives(suite, world.relay, 'with the old file').login == 'relay'
    assert 'with-a-secret' not in pathlib.Path(suite.log).read_text()
    world.file.write_text(good)
    suite.tool('reload')


def test_explained(suite, world):
    def login(sender, to='relay'):
        out = suite.tool('explain', 'route', '--json', sender, f'them@{to}.test').stdout
        return json.loads(out.splitlines()[-1])['hops'][0]
    hop = login(SENDER)
    assert hop['login'] == {'user': 'relay', 'kind': 'password', 'rule': f'{world.file}:2',
                            'mechanisms': ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN']}
    assert hop['tls_hosts'][0]['level'] == 'encrypt' and hop['tls_hosts'][0]['reason'].endswith('for the login')
    assert login('user2@example.test')['login']['user'] == 'user2' and login('x@domain.test')['login']['user'] == 'domain'
    oauth = login(SENDER, 'oauth')['login']
    assert oauth['kind'] == 'oauth' and oauth['user'] == SENDER and oauth['mechanisms'] == ['OAUTHBEARER', 'XOAUTH2']
    text = suite.tool('explain', 'route', SENDER, 'them@relay.test').stdout
    assert 'login: relay, by password' in text and not [x for x in SECRETS if x in text]


def test_config_check(suite, world):
    assert suite.tool('config', 'check').returncode == 0
    world.file.chmod(0o644)
    r = suite.tool('config', 'check', check=False)
    assert r.returncode == 0 and 'can be read or written by others (mode 644)' in r.stderr
    world.file.chmod(0o600)
    moved = world.file.rename(world.top / 'elsewhere')
    r = suite.tool('config', 'check', check=False)
    moved.rename(world.file)
    assert r.returncode != 0 and 'No such file' in r.stderr


class Issuer:
    """The token endpoint: gives out token-1, token-2 ..., and knows which are good at which server."""

    def __init__(self, world):
        self.world, self.n, self.answer, self.forms = world, 0, None, []
        world.tokens.plan['127.0.0.1', '/token'] = self

    def __call__(self, c, r):
        form = {k: v for k, v in urllib.parse.parse_qsl(r.body.decode())}
        self.forms.append(form)
        if self.answer is not None:
            c.sendall(self.answer)
            return
        self.n += 1
        # Microsoft's are long; they do not fit a command line of SMTP
        token = f'token-{self.n}-' + 'x' * (2000 if form['grant_type'] == 'client_credentials' else 20)
        server = self.world.bearer if form['grant_type'] == 'client_credentials' else self.world.oauth
        server.accounts = {(SENDER, token)}
        c.sendall(https_server.answer(200, json.dumps({'access_token': token, 'token_type': 'Bearer', 'expires_in': 3600}), 'application/json'))


@pytest.fixture(scope='module')
def issuer(world):
    return Issuer(world)


def test_token(suite, world, issuer):
    before = len(issuer.forms)
    for i in range(3):
        send(suite, f'by token {i}', 'oauth')
    for i in range(3):
        assert arrives(suite, world.oauth, f'by token {i}').login == SENDER
    form, = issuer.forms[before:]
    assert form == {'grant_type': 'refresh_token', 'refresh_token': 'refresh-1', 'client_id': 'us', 'client_secret': 's cret'}
    assert all(l[0] == 'XOAUTH2' and l[3] for l in world.oauth.logins)


def test_revoked_token_is_fetched_anew(suite, world, issuer):
    world.oauth.accounts = set()
    suite.wait_for(lambda: world.oauth.open == 0)
    before = len(issuer.forms), len(world.oauth.logins)
    send(suite, 'token revoked', 'oauth')
    assert arrives(suite, world.oauth, 'token revoked').login == SENDER
    assert len(issuer.forms) == before[0] + 1 and len(world.oauth.logins) == before[1] + 2


def test_long_token_by_client_credentials(suite, world, issuer):
    send(suite, 'long token', 'bearer')
    assert arrives(suite, world.bearer, 'long token').login == SENDER
    assert b'AUTH OAUTHBEARER' in world.bearer.transcript  # without an initial response
    assert issuer.forms[-1] == {'grant_type': 'client_credentials', 'client_id': 'us', 'client_secret': 's cret', 'scope': 'mail send'}


def test_no_token(suite, world, issuer):
    suite.wait_for(lambda: world.oauth.open == 0)
    world.oauth.accounts = set()
    issuer.answer = https_server.answer(400, '{"error": "invalid_grant", "error_description": "it was revoked"}', 'application/json')
    before = len(issuer.forms)
    send(suite, 'no token', 'oauth')
    waits(suite, 'oauth', f'no access token from https://127.0.0.1:{world.tokens.port}/token: HTTP status 400 invalid_grant: it was revoked')
    failed = lambda: len([e for e in suite.events('deferred') if 'invalid_grant' in e['fields']['status']])
    suite.wait_for(lambda: failed() > 3)
    assert len(issuer.forms) - before < failed()  # not with every try
    issuer.answer = None
    assert arrives(suite, world.oauth, 'no token').login == SENDER


def test_refresh_tokens_that_change(world):
    """Each is good once, as at Microsoft's: also over restarts, and until the file has another one."""
    good, asked = ['first-refresh'], []

    def answer(c, r):
        form = dict(urllib.parse.parse_qsl(r.body.decode()))
        asked.append(form['refresh_token'])
        if asked[-1] != good[0]:
            c.sendall(https_server.answer(400, '{"error": "invalid_grant"}', 'application/json'))
            return
        good[0] = f'next-refresh-{len(asked)}'
        world.rotating.accounts = {(SENDER, f'access-{len(asked)}')}
        c.sendall(https_server.answer(200, json.dumps({'access_token': f'access-{len(asked)}', 'token_type': 'Bearer', 'expires_in': 0,
                                                       'refresh_token': good[0]}), 'application/json'))

    world.tokens.plan['127.0.0.1', '/rotating'] = answer
    file = world.top / 'rotating'
    write = lambda first: file.write_text(f'{world.rotating.hop} oauth user={SENDER} token_endpoint=https://127.0.0.1:{world.tokens.port}/rotating '
                                          f'client_id=us refresh_token={first}\n')
    write('first-refresh')
    conf = world.conf().replace(str(world.file), str(file)) + 'remote_idle_time = 0s\n'
    with conftest.running(conf=conf, users=1) as suite:
        for i in range(3):
            send(suite, f'rotating {i}', 'rotating')
            assert arrives(suite, world.rotating, f'rotating {i}').login == SENDER
        assert asked == ['first-refresh', 'next-refresh-1', 'next-refresh-2']
        suite.tool('stop')
        suite.tool('start')
        send(suite, 'after a restart', 'rotating')
        assert arrives(suite, world.rotating, 'after a restart').login == SENDER
        assert asked[3:] == ['next-refresh-3']
        kept, = (suite.top / 'token').iterdir()
        assert kept.read_text() == good[0] and kept.stat().st_mode & 0o77 == 0
        good[0] = 'authorised-anew'
        write('authorised-anew')
        suite.tool('reload')
        suite.wait_for(lambda: len(suite.logged('credentials-loaded')) == 3)
        send(suite, 'another file', 'rotating')
        assert arrives(suite, world.rotating, 'another file').login == SENDER
        assert asked[4:] == ['authorised-anew']
        log = pathlib.Path(suite.log).read_text()
        assert not re.search('refresh-[0-9]|first-refresh|authorised-anew|access-[0-9]', log)


MECHANISMS = ['PLAIN', 'LOGIN', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1']


def test_at_postfix(world):
    """Postfix with the SASL of Dovecot: what it offers first is taken, and what we want if it is less."""
    pair = world.ca.issue('postfix', ['127.0.0.9'], kind='rsa')
    with PostfixWithLogins(way_back=9, pair=pair, accounts={'relay': SECRETS[0], 'other': SECRETS[2]}) as postfix:
        file = world.top / 'at-postfix'
        file.write_text(f'{postfix.secure} relay:{SECRETS[0]}\nuser2@example.test other:{SECRETS[2]}\nuser3@example.test relay:wrong\n')
        conf = f'''
relayhost = "{postfix.secure}"
remote_ports = {{{postfix.port}}}
tls_ca_file = "{world.ca.path}"
remote_tls = verify
remote_auth = {{"static:yes"}}
remote_credentials = "{file}"
remote_idle_time = 0s
'''
        with conftest.running(conf=conf, users=3) as suite:
            used = lambda name: [e['fields'] for e in suite.events(name)]
            for sender, user in (SENDER, 'relay'), ('user2@example.test', 'other'):
                with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
                    s.sendmail(sender, ['box@postfix.test'], f'Subject: from {sender}\r\n\r\nbody\r\n')
                conftest.wait_for(lambda: [m for m in postfix.messages() if f'Subject: from {sender}'.encode() in m], 60)
                suite.wait_for(lambda: f'sasl_method=SCRAM-SHA-256, sasl_username={user}' in postfix.log())
            with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
                s.sendmail('user3@example.test', ['box@postfix.test'], 'Subject: wrong\r\n\r\nbody\r\n')
            refused = suite.wait_for(lambda: used('remote-login-refused'), 60)[0]
            assert refused['code'] == 535 and refused['user'] == 'relay' and refused['rule'] == f'{file}:3'
            assert not [m for m in postfix.messages() if b'Subject: wrong' in m]


def remote_of(suite):
    """The processes that deliver now."""
    status = map(json.loads, suite.tool('status', '--json', check=False).stdout.splitlines())
    return [r['pid'] for r in status if r.get('process') == 'deliver-remote' and r['state'] == 'ready']


def test_at_another_thurn(new_suite, world):
    """Every mechanism that our own submission service has, with its certificate verified."""
    with conftest.running(conf=f'sasl_mechanisms = {{{", ".join(MECHANISMS)}}}\nscram_iterations = 4096\n') as there:
        there.tool('domain', 'set', '--scram', 'on', 'example.test')
        there.tool('user', 'passwd', '--password-stdin', SENDER, input='secret-1\n')
        port = there.__dict__['submission']
        hop = f'[localhost]:{port}'
        file = world.top / 'another'
        file.write_text(f'{hop} user1@example.test:secret-1\n')
        conf = f'''
mailbox_domains = {{"here.test"}}
relayhost = "{hop}"
tls_ca_file = "{there.ca}"
remote_ports = {{{port}}}
remote_tls_policy = {{"inline:{{{{{hop} = verify auth}}}}"}}
remote_credentials = "{file}"
remote_idle_time = 0s
'''
        with conftest.running(conf=conf + 'remote_auth_mechanisms = {"XOAUTH2"}\n', users=0) as here:
            settings = pathlib.Path(here.conf)
            for m in MECHANISMS:
                settings.write_text(re.sub(r'(remote_auth_mechanisms) = .*', rf'\1 = {{"{m}"}}', settings.read_text()))
                before = remote_of(here)
                here.tool('reload')
                here.wait_for(lambda: (now := remote_of(here)) and not set(now) & set(before), 60)
                with smtplib.SMTP(here.host, here.smtp_port, timeout=20) as s:
                    s.sendmail(SENDER, ['user2@example.test'], f'Subject: by {m}\r\nFrom: {SENDER}\r\n\r\nbody\r\n')
                there.wait_for(lambda: [f for f in there.messages(1) if f'Subject: by {m}\n' in f.read_text()], 60)
                here.wait_for(lambda: [e['fields']['mechanism'] for e in here.logged('remote-login')][-1:] == [m], 60)


def test_without_a_ticket_of_the_queue():
    """What a deliver-remote that was taken over gets: nothing, whatever it says that it has."""
    ask = lambda ticket, sender, way: ipc.Put().u64(1) + ticket + ipc.Put().str(sender).str(way).u8(0).u64(0)
    hop = lambda name, tls: ipc.Put().u8(1).str(name).str(tls).str('rule').u8(0).u16(1)
    with tempfile.NamedTemporaryFile('w') as f:
        f.write('[relay.test] user:the-secret\n')
        f.flush()
        with ipc.Program('services-credentials', 'ROLE_CREDENTIALS', f'remote_credentials = "{f.name}"\n',
                         calls=['CALLS_READ', 'CALLS_WRITE'], peers=['ROLE_QUEUE', 'ROLE_REMOTE']) as p:
            assert p.control.receive().type == ipc.N['BOOT_FILES']
            p.control.send('BOOT_FD', ipc.Put().str('').str(f.name).u32(0), [f.fileno()])
            p.control.send('BOOT_FILES_END')
            p.peers['ROLE_QUEUE'].send('CREDENTIALS_KEY', ipc.Put().u64(1).u64(2))
            # the queue itself may know whose login it is
            r = p.peers['ROLE_QUEUE'].ask('CREDENTIALS_LOOK', ipc.Put().str('a@b.test').str('[relay.test]'))
            assert b'user' in r.body and b'the-secret' not in r.body
            remote = p.peers['ROLE_REMOTE']
            far = (1 << 64) - 1
            for ticket in (ipc.Put().u64(0).u64(0), ipc.Put().u64(far).u64(far), ipc.Put().u64(1 << 20).u64(12345)):
                for way in (hop('[relay.test]', 'encrypt auth'), b'', b'\xff' * 50):
                    r = remote.ask('CREDENTIALS_ASK', ask(ticket, 'a@b.test', way))
                    assert ipc.Get(r.body).u16() == 451 and b'the-secret' not in r.body
            assert b'credentials-no-ticket' in p.events().encode()
