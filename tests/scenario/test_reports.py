"""What reports say, in which language, and what they keep to themselves."""
import email, email.policy, json, pathlib, smtplib
import pytest
import conftest
from smtp_fault_server import FaultServer
from test_queue import Later

SENDER, GERMAN = 'user1@example.test', 'user2@german.test'
PRIVATE = 'private@elsewhere.test'
ALIASES = f'''
several a@elsewhere.test, b@elsewhere.test
owner-several {SENDER}
single a@elsewhere.test
owner-single {SENDER}
both a@elsewhere.test, b@elsewhere.test
one a@elsewhere.test
'''
GERMAN_TEXT = 'Ihre Nachricht für die folgenden Empfänger an $host konnte nicht zugestellt werden.'


@pytest.fixture(scope='module')
def away():
    server = FaultServer()
    yield server
    server.close()


@pytest.fixture(scope='module')
def suite(away):
    conf = f'''
transport_maps = {{"inline:{{elsewhere.test=smtp:{away.hop}, open.test=smtp:{away.hop}}}"}}
remote_ports = {{{away.port}}}
virtual_alias_domains = {{alias.test, german.test}}
virtual_alias_maps = {{"inline:{{info@alias.test={PRIVATE}, {GERMAN}={SENDER}}}"}}
alias_maps = {{"texthash:aliases"}}
report "de" {{
    senders = {{german.test}}
    failure_subject = "Unzustellbar: zurück an den Absender"
    failure_text = {{"{GERMAN_TEXT}", "Bitte prüfen Sie die Anschriften."}}
    reasons = {{"1.1 Diese Adresse gibt es dort nicht."}}
}}
'''
    s = conftest.Suite(conf=conf, users=2)
    (s.top / 'table').mkdir(0o755)
    (s.top / 'table/aliases').write_text(ALIASES)
    try:
        yield s.start()
    finally:
        s.close()


def bounce(suite, away, rcpt, sender=SENDER, header=''):
    """What comes back for a message that the other host refuses: the report, parsed."""
    before = len(suite.messages(0))
    away.refused[rcpt if rcpt != 'info@alias.test' else PRIVATE] = f'550 5.1.1 <{PRIVATE}> is unknown'
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(sender, [rcpt], f'{header}Subject: x\r\n\r\nbody\r\n'.encode())
    files = suite.wait_for(lambda: len(suite.messages(0)) > before and suite.messages(0))
    newest = max(files, key=lambda f: f.stat().st_mtime_ns)
    return email.message_from_bytes(newest.read_bytes(), policy=email.policy.default)


def test_words(suite, away):
    m = bounce(suite, away, 'them@open.test')
    words = m.get_payload(0).get_content()
    assert m['Subject'] == 'Undelivered mail returned to sender'
    assert 'This address does not exist there.' in words
    assert f'said: 550 5.1.1 <{PRIVATE}> is unknown' in words
    assert m.get_payload(1).get_payload(1)['Remote-MTA'].startswith('dns; ')


def test_private_target(suite, away):
    """The sender of a message to an alias learns nothing of where that leads: no address, no host, no words of that host."""
    m = bounce(suite, away, 'info@alias.test')
    text = m.as_string()
    assert '<info@alias.test>' in m.get_payload(0).get_content() and 'does not exist' in m.get_payload(0).get_content()
    rcpt = m.get_payload(1).get_payload(1)
    assert rcpt['Final-Recipient'] == 'rfc822;info@alias.test' and rcpt['Status'] == '5.1.1'
    assert rcpt['Remote-MTA'] is None
    for secret in ('elsewhere', 'private', '127.0.0.1:', 'is unknown'):
        assert secret not in text
    # the log of this host has it all
    suite.wait_for(lambda: [e for e in suite.logged('bounced') if e['fields']['to'] == PRIVATE and 'is unknown' in e['fields']['status']])


@pytest.mark.parametrize('name, action', [('several', 'delivered'), ('single', 'delivered'), ('both', 'expanded'), ('one', 'relayed')])
def test_success(suite, name, action):
    """Mail for a list has arrived there, and its members are the owner's business; an alias has passed it on."""
    before = len(suite.messages(1))
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user2@example.test', [f'{name}@mx.example.test'], f'Subject: {name}\r\n\r\nbody\r\n', rcpt_options=['NOTIFY=SUCCESS'])
    suite.wait_for(lambda: len(suite.messages(1)) > before)
    newest = max(suite.messages(1), key=lambda f: f.stat().st_mtime_ns)
    m = email.message_from_bytes(newest.read_bytes(), policy=email.policy.default)
    rcpt = m.get_payload(1).get_payload(1)
    assert (rcpt['Final-Recipient'], rcpt['Action']) == (f'rfc822;{name}@mx.example.test', action)
    assert rcpt['Remote-MTA'] is None and 'elsewhere' not in m.as_string() and '127.0.0.1:' not in m.get_payload(1).as_string()


@pytest.mark.parametrize('sender, header', [(GERMAN, ''), (SENDER, 'Content-Language: de\r\n'),
                                            (SENDER, 'Accept-Language: fr, de-AT;q=0.8\r\n')])
def test_language(suite, away, sender, header):
    m = bounce(suite, away, 'them@open.test', sender, header)
    words = m.get_payload(0)
    assert m['Subject'] == 'Unzustellbar: zurück an den Absender'
    assert words['Content-Transfer-Encoding'] == 'quoted-printable'
    text = ' '.join(words.get_content().split())
    assert GERMAN_TEXT.replace('$host', 'mx.example.test') + ' Bitte prüfen Sie die Anschriften.' in text
    assert 'Diese Adresse gibt es dort nicht.' in text
    # what it does not translate is said in English
    assert 'The message was accepted at mx.example.test' in text


def test_unknown_language(suite, away):
    assert bounce(suite, away, 'them@open.test', header='Content-Language: xx-YY, ,;\r\n')['Subject'] == \
        'Undelivered mail returned to sender'


def test_shipped_languages():
    """Each file of etc/reports is a language of its own, and complete."""
    files = sorted((pathlib.Path(__file__).parents[2] / 'etc/reports').glob('*.conf'))
    with conftest.running(conf=''.join(f'include "{f}"\n' for f in files)) as s:
        shown = [json.loads(l) for l in s.tool('config', 'show', '--json').stdout.splitlines()]
        said = {(r['title'], r['name']) for r in shown if r.get('section') == 'report' and r['where'] != 'default'}
        names = [f'{kind}_{what}' for kind in ('failure', 'delay', 'success', 'postmaster') for what in ('subject', 'text')]
        assert files
        for f in files:
            assert {(f.stem, n) for n in [*names, 'closing_text', 'reasons']} <= said


def test_language_without_section():
    """A language that nobody has written is a fault of the configuration, with its place."""
    with conftest.running() as s:
        path = pathlib.Path(s.conf)
        before = path.read_text()
        path.write_text(before + 'report_language = "tlh"\n')
        r = s.tool('reload', check=False)
        path.write_text(before)
        assert r.returncode != 0 and f'{before.count(chr(10)) + 1}: report_language: there is no section report "tlh"' in r.stderr


# --- the breaker --------------------------------------------------------------------------------

def test_breaker():
    """A route that is suddenly wrong bounces a few messages; the rest waits until somebody has mended it."""
    broken = 'transport_maps = {"inline:{example.org=error:gone}"}\n'
    conf = 'trusted_networks = {127.0.0.1}\nbreaker_failures = 5\nminimal_backoff = 1s\nmaximal_backoff = 1s\n' + broken
    with conftest.running(conf=conf) as s:
        with s.smtp_client() as c:
            for n in range(20):
                c.sendmail(SENDER, [f'them{n}@example.org'], b'Subject: x\r\n\r\nbody\r\n')
        s.wait_for(lambda: len({e['fields']['to'] for e in s.logged('deferred') + s.logged('bounced')}) == 20)
        assert len(s.events('bounced')) == 4 and len(s.events('breaker-opened')) == 1
        assert all(e['fields']['dsn'] == '4.3.0' and 'gone' in e['fields']['status'] for e in s.events('deferred'))
        path = pathlib.Path(s.conf)
        path.write_text(path.read_text().replace('error:gone', 'discard:'))
        s.tool('reload')
        s.tool('queue', 'requeue', 'ALL')
        s.wait_for(lambda: len({e['fields']['to'] for e in s.logged('delivered') if e['fields']['to'].startswith('them')}) == 16)
        assert len(s.events('bounced')) == 4


def test_reports_do_not_hide_failures_from_the_breaker():
    """Each failure makes a report that is delivered: it is no sign that all is well."""
    conf = 'trusted_networks = {127.0.0.1}\nbreaker_failures = 5\ntransport_maps = {"inline:{example.org=error:gone}"}\n'
    with conftest.running(conf=conf) as s, s.smtp_client() as c:
        for n in range(3):
            c.sendmail(SENDER, ['user2@example.test'], b'Subject: all is well\r\n\r\nbody\r\n')
        for n in range(4):
            c.sendmail(SENDER, [f'them{n}@example.org'], b'Subject: x\r\n\r\nbody\r\n')
            s.wait_for(lambda: len([e for e in s.logged('delivered') if e['fields']['to'] == SENDER]) == n + 1)
        c.sendmail(SENDER, ['them4@example.org'], b'Subject: x\r\n\r\nbody\r\n')
        assert s.outcome('them4@example.org')['event'] == 'deferred' and len(s.events('breaker-opened')) == 1


def test_breaker_and_what_another_host_has_said_before(away):
    """What a host elsewhere said last time is no reason to believe what a wrong route says now."""
    conf = f'''
trusted_networks = {{127.0.0.1}}
breaker_failures = 5
minimal_backoff = 300s
maximal_backoff = 300s
remote_ports = {{{away.port}}}
transport_maps = {{"inline:{{example.org=smtp:{away.hop}}}"}}
'''
    away.refused = Later()
    with conftest.running(conf=conf) as s:
        def told(event):
            return [e['fields'] for e in s.events(event) if e['fields']['to'] == 'early@example.org']

        with s.smtp_client() as c:
            c.sendmail(SENDER, ['early@example.org'], b'Subject: x\r\n\r\nbody\r\n')
        e, = s.wait_event('deferred')
        assert str(away.port) in e['fields']['relay']
        path = pathlib.Path(s.conf)
        path.write_text(path.read_text().replace(f'smtp:{away.hop}', 'error:gone'))
        s.tool('reload')
        with s.smtp_client() as c:
            for n in range(6):
                c.sendmail(SENDER, [f'them{n}@example.org'], b'Subject: x\r\n\r\nbody\r\n')
        s.wait_event('breaker-opened')
        s.tool('queue', 'requeue', 'ALL')
        s.wait_for(lambda: len(told('deferred') + told('bounced')) == 2)
        assert told('bounced') == [] and 'gone' in told('deferred')[-1]['status']
    away.refused = {}
