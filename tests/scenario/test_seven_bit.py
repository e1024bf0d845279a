"""8-bit messages to servers that take 7 bits only: converted on the way, and the same when read."""
import email, email.policy, smtplib
import pytest
import conftest
from smtp_fault_server import FaultServer

TEXT = 'Grüße, "Ωμέγα" und = Zeichen \nzweite Zeile mit Blank am Ende \n\n.Punkt\n' + 'lang ' * 300 + 'ä\n'


@pytest.fixture(scope='module', params=[['PIPELINING', 'SIZE'], ['CHUNKING']], ids=['data', 'bdat'])
def pair(request):
    with FaultServer(extensions=request.param) as server:
        with conftest.running(conf=f'relayhost = "{server.hop}"\nremote_ports = {{{server.port}}}\n') as suite:
            yield suite, server


def through(pair, message):
    """What arrives at the other host."""
    suite, server = pair
    before = len(server.messages)
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user1@example.test', ['them@remote.test'], message, ['BODY=8BITMIME'])
    suite.wait_for(lambda: len(server.messages) > before)
    data = server.messages[-1].data
    assert max(data) < 128, 'a byte above 127'
    return email.message_from_bytes(data, policy=email.policy.default)


def built():
    m = email.message.EmailMessage()
    m['Subject'] = 'x'
    m.set_content(TEXT, cte='8bit')
    m.add_attachment(bytes(range(256)) * 20, 'application', 'octet-stream', filename='all', cte='base64')
    inner = email.message.EmailMessage()
    inner['Subject'] = 'inner'
    inner.set_content('<p>Ünder</p>', subtype='html', cte='8bit')
    m.add_attachment(inner)
    return m


def leaves(m):
    return [(p.get_content_type(), p.get_content().replace('\r\n', '\n') if p.get_content_maintype() == 'text' else p.get_content())
            for p in m.walk() if not p.is_multipart()]


def test_multipart(pair):
    m = built()
    got = through(pair, m.as_bytes(policy=email.policy.SMTP))
    assert leaves(got) == leaves(m)
    assert {p['Content-Transfer-Encoding'] for p in got.walk()} <= {'7bit', 'quoted-printable', 'base64', None}


def test_text_without_mime(pair):
    got = through(pair, 'Subject: x\r\n\r\n{}'.format(TEXT.replace('\n', '\r\n')).encode())
    assert got['MIME-Version'] == '1.0' and got.get_content_charset() == 'unknown-8bit'
    assert got.get_payload(decode=True).replace(b'\r\n', b'\n').decode() == TEXT


def test_header(pair):
    raw = 'From: "José Müller" <user1@example.test>\r\nSubject: Grüße aus Köln\r\nX-Long: {}\r\n\r\nbody\r\n'.format('é ' * 200)
    got = through(pair, raw.encode())
    assert got['Subject'] == 'Grüße aus Köln'
    assert got['X-Long'].split() == ['é'] * 200
    assert got['From'].addresses[0].addr_spec == 'user1@example.test'


def test_seven_bits_are_left_alone(pair):
    got = through(pair, b'Subject: x\r\n\r\na = b\r\n')
    assert got['MIME-Version'] is None and got.get_payload() == 'a = b\r\n'


def test_impossible(pair):
    """8-bit bytes in a part that may not be encoded: returned, and the reason says why."""
    suite, server = pair
    before = len(server.messages)
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user1@example.test', ['never@remote.test'],
                   b'Content-Type: message/partial; id=x; number=1; total=2\r\n\r\n\xe9\r\n', ['BODY=8BITMIME'])
    bounced = suite.wait_event('bounced', to='never@remote.test')
    assert bounced[0]['fields']['dsn'] == '5.6.3' and 'takes 7 bits only' in bounced[0]['fields']['status']
    assert len(server.messages) == before
