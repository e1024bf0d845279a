"""REQUIRETLS and TLS-Required (RFC 8689): what senders demand of TLS, more or less than the destination does."""
import email, json, pathlib, shutil, smtplib, sys, tempfile
import pytest
import conftest
from dns_server import Zones
from smtp_fault_server import Hosts

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority
from test_dane import context, tlsa

OURS = 'user1@example.test'
GOOD, LACKS, OTHER, NO_TLS, LATER = (f'127.0.0.{i}' for i in range(2, 7))
REQUIRE = ['REQUIRETLS']


class World:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-requiretls-'))
        self.top.chmod(0o711)
        self.ca = Authority(self.top / 'ca')
        good, other = self.ca.issue('good', ['*.secure.test']), self.ca.issue('other', ['elsewhere.test'])
        able = {'tls_extensions': REQUIRE}
        self.hosts = Hosts({GOOD: {'tls': context(good), **able}, LACKS: {'tls': context(good)},
                            OTHER: {'tls': context(other), **able}, NO_TLS: {}, LATER: {'tls': context(good), **able}})
        key, port = tlsa(good[0]), self.hosts.port
        self.zone = {
            'dane': f'A {GOOD}', f'_{port}._tcp.dane': f'TLSA {key}',
            'pkix': f'A {GOOD}', 'lacks': f'A {LACKS}', 'other': f'A {OTHER}', 'later': f'A {LATER}',
            'wrong': f'A {OTHER}', f'_{port}._tcp.wrong': f'TLSA {key}', 'no-tls': f'A {NO_TLS}',
            'second': ['MX 10 lacks', 'MX 20 pkix'], 'mixed': ['MX 10 other', 'MX 20 lacks'],
        }
        self.plain = {'@': 'MX 10 pkix.secure.test.'}

    def close(self):
        self.hosts.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()
    assert w.hosts.faults() == []


@pytest.fixture(scope='module')
def suite(world):
    with Zones({'.': {}, 'secure.test': world.zone, 'plain.test': world.plain}, signed=['.', 'secure.test']) as z:
        with conftest.running(conf=z.settings() + f'''
minimal_backoff = 300s
remote_port = {world.hosts.port}
remote_ports = {{{world.hosts.port}}}
remote_tls_policy = {{"inline:{{no-tls.secure.test=encrypt}}"}}
tls_ca_file = "{world.ca.path}"
''') as s:
            yield s


def send(suite, subject, to, options=REQUIRE, sender=OURS, header='', tls=True):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        if tls:
            c.starttls()
        c.sendmail(sender, [to], f'Subject: {subject}\r\n{header}\r\nsecret body\r\n', mail_options=options)


def taken(world, subject):
    return world.hosts.taken(subject)


def test_offered_under_tls_alone(suite):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.ehlo()
        assert not c.has_extn('REQUIRETLS')
        assert c.docmd(f'MAIL FROM:<{OURS}> REQUIRETLS')[0] == 555
        c.starttls()
        c.ehlo()
        assert c.has_extn('REQUIRETLS')
        assert c.docmd(f'MAIL FROM:<{OURS}> REQUIRETLS=x')[0] == 501
        assert c.docmd(f'MAIL FROM:<{OURS}> REQUIRETLS')[0] == 250


def test_submission(suite):
    with smtplib.SMTP(suite.host, suite.submission, timeout=20) as c:
        c.ehlo()
        assert not c.has_extn('REQUIRETLS')
        c.starttls()
        c.ehlo()
        assert c.has_extn('REQUIRETLS')


def test_settings(new_suite):
    suite = new_suite(conf='smtp_requiretls = no\nsubmission_requiretls = no\n', users=0)
    for port in suite.smtp_port, suite.submission:
        with smtplib.SMTP(suite.host, port, timeout=20) as c:
            c.starttls()
            c.ehlo()
            assert not c.has_extn('REQUIRETLS')


@pytest.mark.parametrize('host, how', [('dane', 'dane'), ('pkix', 'verified'), ('second', 'verified')])
def test_passed_on(suite, world, host, how):
    send(suite, f'to {host}', f'a@{host}.secure.test')
    e = suite.outcome(f'a@{host}.secure.test')
    assert e['event'] == 'delivered' and e['tls'].endswith(how), e
    (address, m), = taken(world, f'to {host}')
    assert 'REQUIRETLS' in m.mail_args.split() and m.tls and address == GOOD


def test_connections_are_not_shared_with_other_mail(suite, world):
    """What needs no verified host goes its own way, and says nothing of it."""
    send(suite, 'with', 'b@pkix.secure.test')
    send(suite, 'without', 'c@pkix.secure.test', options=[])
    suite.outcome('b@pkix.secure.test'), suite.outcome('c@pkix.secure.test')
    (_, a), (_, b) = taken(world, 'with')[0], taken(world, 'without')[0]
    assert 'REQUIRETLS' in a.mail_args and 'REQUIRETLS' not in b.mail_args and a.connection != b.connection


def report(suite, about):
    def look():
        for f in suite.messages(0):
            m = email.message_from_bytes(f.read_bytes())
            if m.is_multipart() and about in f.read_text(errors='replace'):
                return m
    return suite.wait_for(look)


@pytest.mark.parametrize('to, why', [('a@lacks.secure.test', 'does not offer'), ('a@plain.test', 'MX records are not signed')])
def test_comes_back(suite, world, to, why):
    send(suite, f'fails {to}', to, options=REQUIRE + ['RET=FULL'])
    e = suite.outcome(to)
    assert e['event'] == 'bounced' and e['dsn'] == '5.7.30' and why in e['status'], e
    m = report(suite, f'fails {to}')
    # RFC 8689 5: as if RET=HDRS had been asked for
    assert [p.get_content_type() for p in m.get_payload()][-1] == 'text/rfc822-headers'
    assert 'The message demands TLS for all of its way (REQUIRETLS)' in ' '.join(m.get_payload(0).get_payload().split())
    assert 'secret body' not in m.as_string() and taken(world, f'fails {to}') == []


def test_not_verified_waits(suite, world):
    send(suite, 'other', 'a@other.secure.test')
    e = suite.outcome('a@other.secure.test')
    assert e['event'] == 'deferred' and e['dsn'] == '4.7.5' and taken(world, 'other') == []


def test_one_that_never_will_does_not_decide_for_all(suite, world):
    send(suite, 'mixed', 'a@mixed.secure.test')
    e = suite.outcome('a@mixed.secure.test')
    assert e['event'] == 'deferred' and e['dsn'] == '4.7.30' and taken(world, 'mixed') == []


def test_by_table_never(suite, world):
    """Without TLS by the operator's word; and where that word is TLS with anybody, it becomes more."""
    send(suite, 'table', 'a@no-tls.secure.test')
    e = suite.outcome('a@no-tls.secure.test')
    assert e['event'] == 'deferred' and e['dsn'] == '4.7.4', e


def test_local(suite):
    send(suite, 'stays here', 'user2@example.test')
    suite.wait_for(lambda: [f for f in suite.messages(1) if 'stays here' in f.read_text()])


def test_report_for_somebody_elsewhere(suite, world):
    """It gets there even if nobody offers REQUIRETLS, without the content; where it is offered, it is demanded."""
    for host in 'lacks', 'pkix':
        sender = f'sender-{host}@{host}.secure.test'
        send(suite, f'reported to {host}', f'r{host}@lacks.secure.test', sender=sender)
        m = suite.wait_for(lambda: [m for s in world.hosts.at.values() for m in s.messages if sender in m.rcpts])[0]
        assert m.sender == '' and b'secret body' not in m.data and m.tls
        assert ('REQUIRETLS' in m.mail_args.split()) == (host == 'pkix')


def test_kept_in_the_queue(suite, world):
    world.hosts.at[LATER].plan('connect', '421 4.3.2 later')
    send(suite, 'kept', 'a@later.secure.test')
    e = suite.outcome('a@later.secure.test')
    assert e['event'] == 'deferred'
    suite.tool('stop')
    suite.tool('start')
    assert 'tls_required: "yes"' in suite.tool('queue', 'show', suite.logged('deferred', to='a@later.secure.test')[0]['queue']).stdout
    suite.tool('queue', 'flush')
    (_, m), = suite.wait_for(lambda: taken(world, 'kept'), 30)
    assert 'REQUIRETLS' in m.mail_args.split()


def test_explain(suite):
    def decided(host, *demand):
        route = json.loads(suite.tool('explain', 'route', '--json', *demand, OURS, f'x@{host}').stdout.splitlines()[-1])
        (host,), = [hop['tls_hosts'] for hop in route['hops']]
        return host['level'], host.get('failure', {}).get('enhanced')
    assert decided('plain.test') == ('may', None) and decided('plain.test', '--tls-required', 'yes') == ('may', '5.7.30')
    assert decided('pkix.secure.test') == ('may', None) and decided('pkix.secure.test', '--tls-required', 'yes') == ('verify', None)
    assert decided('dane.secure.test') == ('dane', None) and decided('dane.secure.test', '--tls-required', 'no') == ('may', None)
    assert suite.tool('explain', 'route', '--tls-required', 'perhaps', OURS, 'x@plain.test', check=False).returncode == 64


# --- TLS-Required: No

def test_waived(suite, world):
    to = 'waived@wrong.secure.test'
    send(suite, 'waived', to, options=[], header='tls-required:\r\n no\r\n', tls=False)
    e = suite.outcome(to)
    assert e['event'] == 'delivered' and e['tls'].endswith(' unverified'), e
    for n, (options, header) in enumerate([([], ''), ([], 'TLS-Required: Nope\r\n'), ([], 'X-TLS-Required: No\r\n'),
                                           (REQUIRE, 'TLS-Required: No\r\n')]):
        to = f'not-waived{n}@wrong.secure.test'
        send(suite, f'not waived {n}', to, options=options, header=header)
        assert suite.outcome(to)['dsn'] == '4.7.5' and taken(world, f'not waived {n}') == []


def test_the_table_is_not_waived(suite, world):
    to = 'table@no-tls.secure.test'
    send(suite, 'table waived', to, options=[], header='TLS-Required: No\r\n')
    assert suite.outcome(to)['dsn'] == '4.7.4' and taken(world, 'table waived') == []
