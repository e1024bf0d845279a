"""The last dialogue about a deferred recipient is kept beside it, without content, and shown by `thurn queue show`."""
import json, re, smtplib
import pytest
import conftest
from smtp_fault_server import CLOSE, FaultServer

RCPTS = ['a@remote.test', 'b@remote.test', 'c@remote.test']


@pytest.fixture(scope='module')
def server():
    with FaultServer() as s:
        yield s
        assert s.faults == []


@pytest.fixture(scope='module')
def suite(server):
    conf = f'minimal_backoff = 1h\nmaximal_backoff = 1h\nrelayhost = "{server.hop}"\nremote_ports = {{{server.port}}}\n'
    with conftest.running(conf=conf) as s:
        yield s


def send(suite, subject, *to):
    """Its id, once it has been tried."""
    seen = len(suite.events('deferred'))
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user1@example.test', list(to), f'Subject: {subject}\r\n\r\nthe secret body\r\n')
    deferred = suite.wait_for(lambda: suite.logged('deferred')[seen:])
    suite.wait_for(lambda: state(suite, deferred[0]['queue']) == 'deferred')
    return deferred[0]['queue']


def show(suite, id):
    return json.loads(suite.tool('queue', 'show', '-j', id).stdout)


def state(suite, id):
    return show(suite, id)['queue_name']


def lines(t):
    """What was said, without the times; those never go back."""
    found = [re.fullmatch(r'(\d+\.\d{3}) ([<>*] .*)', l) for l in t['transcript'].splitlines()]
    assert all(found) and [float(m[1]) for m in found] == sorted(float(m[1]) for m in found)
    return [m[2] for m in found]


def test_after_the_message(suite, server):
    server.plan('final', '451 4.3.0 ask again')
    id = send(suite, 'final', RCPTS[0])
    (t,) = show(suite, id)['transcripts']
    assert t['recipients'] == RCPTS[:1]
    said = lines(t)
    assert said[0] == f'* connected to 127.0.0.1[127.0.0.1]:{server.port}' and said[1] == '< 220 fault.test ready'
    assert said[2].startswith('> EHLO ') and '< 250 ENHANCEDSTATUSCODES' in said
    assert '> DATA' in said and '> RCPT TO:<a@remote.test>' in said and said[-1] == '< 451 4.3.0 ask again'
    assert re.fullmatch(r'\* \d+ bytes of content', said[-2]) and 'secret' not in t['transcript']
    text = suite.tool('queue', 'show', id).stdout
    assert 'transcript: a@remote.test, ended ' in text and '< 451 4.3.0 ask again\n' in text and 'the secret body' in text
    assert 'transcript' not in suite.tool('queue', 'show', '-b', id).stdout


def test_each_recipient_its_last(suite, server):
    """Another try of one recipient leaves that of the others; a restart leaves all; who has got it has none."""
    server.refused = {r: f'450 4.2.1 {r[0]} is full' for r in RCPTS}
    id = send(suite, 'three', *RCPTS)
    (t,) = show(suite, id)['transcripts']
    assert t['recipients'] == RCPTS and lines(t)[-1] != '< 451 4.3.0 ask again'
    server.refused = {RCPTS[1]: '450 4.2.1 still'}
    suite.stop()
    suite.users = 0
    suite.start()
    assert [t['recipients'] for t in show(suite, id)['transcripts']] == [RCPTS]
    suite.tool('queue', 'requeue', id)
    t = suite.wait_for(lambda: (lambda o: o['queue_name'] == 'deferred' and len(o['recipients']) == 1 and o['transcripts'])(show(suite, id)))
    assert [x['recipients'] for x in t] == [[RCPTS[1]]] and '< 450 4.2.1 still' in lines(t[0])
    server.refused = {}
    suite.tool('queue', 'requeue', id)
    suite.wait_event('removed', queue=id)


def test_without_a_server(suite, server):
    """What the other side did not say: how a connection ended."""
    server.plan('final', CLOSE)
    id = send(suite, 'closed', RCPTS[0])
    (t,) = show(suite, id)['transcripts']
    assert lines(t)[-1].startswith('* lost 127.0.0.1') and 'end of DATA' in lines(t)[-1]
    suite.tool('queue', 'requeue', id)
    suite.wait_event('removed', queue=id)
