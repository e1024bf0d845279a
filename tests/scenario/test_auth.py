"""AUTH on submission, with real clients; in plain text on this host, which is what the setting is for."""
import base64, contextlib, re, smtplib, subprocess, time
import pytest

CONF = 'submission_plaintext_auth = yes\nsubmission_failure_delay = 200ms\n'


@pytest.fixture(scope='module')
def plain():
    import conftest
    with conftest.running(users=3, conf=CONF) as s:
        yield s


def message(suite, subject, to=1):
    return f"From: {suite.accounts[0]['address']}\nTo: {suite.accounts[to]['address']}\nSubject: {subject}\n\nbody\n"


def arrived(suite, subject, n=1):
    return suite.wait_for(lambda: [t for t in (p.read_text() for p in suite.messages(n)) if f'Subject: {subject}\n' in t])[0]


def run(*command, text=None):
    r = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr


def by_swaks(suite, me, to, mechanism):
    run('swaks', '--server', suite.host, '--port', suite.submission, '--from', me['address'], '--to', to['address'],
        '--auth', mechanism, '--auth-user', me['address'], '--auth-password', me['password'],
        '--header', f'Subject: swaks {mechanism}')


def by_curl(suite, me, to, mechanism):
    run('curl', '-sS', '--url', f'smtp://{suite.host}:{suite.submission}', '--mail-from', me['address'], '--mail-rcpt',
        to['address'], '--user', f"{me['address']}:{me['password']}", '--login-options', f'AUTH={mechanism}', '-T', '-',
        text=message(suite, f'curl {mechanism}'))


def by_msmtp(suite, me, to, mechanism):
    run('msmtp', '--host', suite.host, '--port', suite.submission, '--tls=off', f'--auth={mechanism.lower()}', '--user',
        me['address'], '--passwordeval', f"echo {me['password']}", '--from', me['address'], to['address'],
        text=message(suite, f'msmtp {mechanism}'))


def by_python(suite, me, to, mechanism):
    with smtplib.SMTP(suite.host, suite.submission, timeout=20) as s:
        s.ehlo()
        s.user, s.password = me['address'], me['password']
        code, _ = s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower()))
        assert code == 235
        s.sendmail(me['address'], [to['address']], message(suite, f'python {mechanism}'))


@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN'])
@pytest.mark.parametrize('client', [by_swaks, by_curl, by_msmtp, by_python])
def test_clients(plain, client, mechanism):
    me, to = plain.accounts[:2]
    client(plain, me, to, mechanism)
    text = arrived(plain, f"{client.__name__[3:]} {mechanism}")
    assert 'with ESMTPA id' in text and plain.host not in text.partition('\n\n')[0]
    trace = re.search(r'trace (\w+)\)', text)[1]
    login = plain.wait_for(lambda: [e['fields'] for e in plain.events('auth-accepted') if e['trace'] == trace])[0]
    assert (login['mechanism'], login['service'], login['login']) == (mechanism, 'smtp', me['address'])
    sent = plain.wait_for(lambda: [e['fields'] for e in plain.events('mail-accepted') if e['trace'] == trace])[0]
    assert sent['login'] == me['address'] and sent['client'] == plain.host


def test_wrong_logins(plain):
    """The same answer for each, late, and one line in the log."""
    known = plain.accounts[2]['address']
    answers = set()
    for login, password in ((known, 'wrong'), ('nobody@example.test', 'wrong'), (known, 'a\0b'), (known, '')):
        with smtplib.SMTP(plain.host, plain.submission, timeout=20) as s:
            s.ehlo()
            began = time.monotonic()
            code, text = s.docmd('AUTH', 'PLAIN ' + base64.b64encode(f'\0{login}\0{password}'.encode()).decode())
            if '\0' in password or not password:
                assert code in (501, 535), (login, password, text)
                continue
            answers.add((code, text))
            assert time.monotonic() - began >= 0.19
            assert s.mail(known)[0] == 530
    assert len(answers) == 1 and answers.pop()[0] == 535
    refused = plain.wait_for(lambda: [e['fields'] for e in plain.events('auth-refused') if e['fields']['service'] == 'smtp'])
    assert refused[0]['mechanism'] == 'PLAIN' and refused[0]['client'] == '127.0.0.1'


def test_bad_input_harms_nobody(plain):
    """Broken messages, endless lines, and a login that works beside them."""
    big = 'A' * 65536
    for lines in (['AUTH PLAIN ===='], ['AUTH PLAIN ' + big], ['AUTH PLAIN', big], ['AUTH LOGIN', '!!', 'x'], ['AUTH LOGIN', '*'],
                  ['AUTH PLAIN', ''], ['AUTH SCRAM-SHA-1-NONE'], ['AUTH LOGIN', base64.b64encode(b'\xff' * 9000).decode()]):
        with contextlib.closing(smtplib.SMTP(plain.host, plain.submission, timeout=20)) as s:
            s.ehlo()
            for line in lines[:-1]:
                s.docmd(line)
            code, text = s.docmd(lines[-1])
            assert code == 334 or 421 <= code < 600, (lines, code, text)
    with smtplib.SMTP(plain.host, plain.submission, timeout=20) as s:
        s.login(plain.accounts[0]['address'], plain.accounts[0]['password'])
    assert not plain.events('peer-refused') and not plain.events('died')


def test_nobody_logs_in_on_port_25(plain):
    with smtplib.SMTP(plain.host, plain.smtp, timeout=20) as s:
        s.ehlo()
        assert not s.has_extn('auth')
        assert s.docmd('AUTH', 'PLAIN AGEAYg==')[0] == 502


def test_no_plain_text_by_default(suite):
    with smtplib.SMTP(suite.host, suite.submission, timeout=20) as s:
        s.ehlo()
        assert not s.has_extn('auth')
        code, text = s.docmd('AUTH', 'PLAIN AGEAYg==')
        assert code == 538 and text.startswith(b'5.7.11')


def test_a_user_may_relay_and_nobody_else(plain):
    me = plain.accounts[0]
    with smtplib.SMTP(plain.host, plain.submission, timeout=20) as s:
        for sender in (me['address'], '', 'root'):
            assert s.mail(sender)[0] in (503, 530) or not s.ehlo()
        s.ehlo()
        for sender in (me['address'], '', 'root'):
            assert s.mail(sender)[0] == 530
        s.login(me['address'], me['password'])
        assert s.mail(me['address'])[0] == 250
        assert s.rcpt('somebody@elsewhere.test')[0] == 250
        for form in ('a%b.test@example.test', 'a!b@example.test', '@example.test:a@b.test'):
            assert s.rcpt(form)[0] in (250, 550, 501), form
        s.rset()
