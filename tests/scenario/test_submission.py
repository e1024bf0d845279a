"""The submission service: who may send there, as whom, and how much."""
import json, smtplib
import pytest

# a proxy that may say who has logged in: how other services than AUTH come by a login
PROXY = '''smtp_xclient_networks = {"127.0.0.1"}
submission_workers = 2
sender_login_maps = {"inline:{sales@example.test=user1@example.test}"}
virtual_alias_maps = {"inline:{alias@example.test=user1@example.test, {both@example.test=user1@example.test user2@example.test}}"}
submission_client_access = {"inline:{203.0.113.66=REJECT}"}
client_access = {"inline:{203.0.113.5=REJECT}"}
helo_access = {"inline:{{[192.168.1.7]=REJECT}}"}
'''


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


def submit(suite, login, header, sender=None, to=None):
    """The code and text of the answer to a whole message, or to MAIL when that is refused."""
    with session(suite, login) as s:
        code, text = s.mail(sender or login)
        if code != 250:
            return code, text
        assert s.rcpt(to or suite.accounts[1]['address'])[0] == 250
        return s.data(f'{header}Subject: x\n\nbody\n')


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


def test_submission_has_processes_of_its_own(proxied):
    pids = {}
    for r in map(json.loads, proxied.tool('status', '--json').stdout.splitlines()):
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
    accepted = proxied.wait_event('mail-accepted', login=me)
    assert accepted[0]['fields']['client'] == '203.0.113.5'
    assert f"<{accepted[0]['queue']}@mx.example.test>" == accepted[0]['fields']['message_id']


@pytest.mark.parametrize('address,code', [
    ('user1@example.test', 250), ('USER1@Example.Test', 250), ('user1+list@example.test', 250),
    ('sales@example.test', 250), ('alias@example.test', 250),
    ('user2@example.test', 553), ('both@example.test', 553), ('ceo@bank.test', 553)])
def test_users_send_in_their_own_name(proxied, address, code):
    me = proxied.accounts[0]['address']
    for sender, header in ((address, f'From: {me}\n'), (me, f'From: {address}\n'), (me, f'From: {me}\nSender: {address}\n'),
                           (me, f'From: Team: {me}, {address};\n'), (me, f'From: =?utf-8?q?Boss?= <{address}>\n')):
        got, text = submit(proxied, me, header, sender)
        assert got == code, (sender, header, text)
        assert got == 250 or (text.startswith(b'5.7.1') and address.lower().encode() in text.lower())


def test_refused_author_is_logged(proxied):
    me = proxied.accounts[1]['address']
    assert submit(proxied, me, 'From: sales@example.test\n')[0] == 553
    refused = proxied.wait_for(lambda: [e['fields'] for e in proxied.logged('data-refused') if e['fields']['from'] == me])
    assert refused[0]['rule'].startswith('inline') and refused[0]['code'] == 553


def test_a_login_does_not_outlive_another_client(proxied):
    """A proxy that serves several clients over one connection names each; the login of the one before is not the next one's."""
    me = proxied.accounts[0]['address']
    with session(proxied, me) as s:
        assert s.mail(me)[0] == 250 and s.rset()[0] == 250
        assert s.docmd('XCLIENT', 'ADDR=203.0.113.7')[0] == 220
        s.ehlo('[192.168.1.8]')
        assert s.mail(me)[0] == 530
        assert s.docmd('XCLIENT', f'ADDR=203.0.113.5 LOGIN={me}')[0] == 220
        s.ehlo('[192.168.1.8]')
        assert s.mail(me)[0] == 250


def test_rules_for_strangers_do_not_count(proxied):
    """The rules that let this client in on submission would send it away on port 25, and the other way round."""
    with smtplib.SMTP(proxied.host, proxied.submission, timeout=20) as s:
        assert s.docmd('XCLIENT', 'ADDR=203.0.113.66')[0] == 554
    with smtplib.SMTP(proxied.host, proxied.smtp, timeout=20) as s:
        assert s.docmd('XCLIENT', 'ADDR=203.0.113.66')[0] == 220
    with smtplib.SMTP(proxied.host, proxied.smtp, timeout=20) as s:
        assert s.docmd('XCLIENT', 'ADDR=203.0.113.5')[0] == 554
