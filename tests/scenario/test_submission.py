"""The submission service: who may send there, as whom, and how much."""
import json, smtplib
import pytest

# a proxy that may say who has logged in: how other services than AUTH come by a login
PROXY = 'smtp_xclient_networks = {"127.0.0.1"}\n'


@pytest.fixture(scope='module')
def proxied():
    import conftest
    with conftest.running(users=3, conf=PROXY) as s:
        yield s


def session(suite, login=None, port=None):
    s = smtplib.SMTP(suite.host, port or suite.submission, timeout=20)
    if login:
        assert s.docmd('XCLIENT', f'ADDR=203.0.113.5 LOGIN={login}')[0] == 220
    s.ehlo('[192.168.1.7]')
    return s


def test_nobody_sends_without_login(suite):
    """Not even who may relay on port 25."""
    with session(suite) as s:
        for sender in ('sender@client.test', suite.accounts[0]['address'], ''):
            code, text = s.mail(sender)
            assert code == 530 and text.startswith(b'5.7.0'), (code, text)
        assert s.rcpt(suite.accounts[0]['address'])[0] == 503
        assert s.docmd('DATA')[0] == 503
    with session(suite, port=suite.smtp) as s:
        assert s.mail('sender@client.test')[0] == 250


def test_submission_is_a_process_of_its_own(suite):
    pids = {}
    for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()):
        pids.setdefault(r.get('process'), set()).add(r.get('pid'))
    assert len(pids['smtpd-submit']) == 2 and not pids['smtpd-submit'] & (pids['smtpd'] | pids['smtpd-local'])


def test_message_is_completed(proxied):
    me, to = proxied.accounts[0]['address'], proxied.accounts[1]['address']
    before = len(proxied.messages(1))
    with session(proxied, me) as s:
        s.sendmail(me, [to], 'Subject: completed\n\nfrom a device\n')
    proxied.wait_for(lambda: len(proxied.messages(1)) > before)
    text = max(proxied.messages(1), key=lambda p: p.stat().st_mtime).read_text()
    assert '203.0.113.5' not in text and '192.168.1.7' not in text
    assert f'\nFrom: <{me}>\n' in text and '\nDate: ' in text and '\nMessage-ID: <' in text
    assert 'with ESMTPA id' in text
    accepted = proxied.wait_for(lambda: [e for e in proxied.events('mail-accepted') if e['fields']['login'] == me])
    assert accepted[0]['fields']['client'] == '203.0.113.5'
    assert f"<{accepted[0]['queue']}@mx.example.test>" == accepted[0]['fields']['message_id']
