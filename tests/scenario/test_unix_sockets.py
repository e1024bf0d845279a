"""LMTP to the Unix sockets of other programs: master connects, to those alone that the configuration names."""
import contextlib, json, re, smtplib, socket
import pytest
import conftest
from smtp_fault_server import FaultServer
from test_queue import SENDER


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sockets')
    return {name: str(folder / name) for name in ('here', 'later', 'unlisted', 'left', 'file', 'datagrams', 'busy')}


@pytest.fixture(scope='module')
def server(places):
    with FaultServer(address=places['here'], lmtp=True) as s:
        yield s
        assert s.faults == []


@pytest.fixture(scope='module')
def suite(server, places):
    routes = {f'{name}.test': f'lmtp:unix:{path}' for name, path in places.items()}
    routes['smtp.test'] = f'smtp:unix:{places["here"]}'
    listed = ', '.join(f'"{path}"' for name, path in places.items() if name != 'unlisted')
    conf = f'''
transport_maps = {{"inline:{{{', '.join(f'{k}={v}' for k, v in routes.items())}}}"}}
remote_sockets = {{{listed}}}
minimal_backoff = 1s
maximal_backoff = 1s
'''
    with conftest.running(conf=conf) as s:
        yield s


def send(suite, subject, *to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        c.sendmail(SENDER, list(to), f'Subject: {subject}\r\n\r\nbody\r\n')


def taken(server, subject):
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def event(suite, name, to):
    return suite.wait_event(name, to=to)[-1]['fields']


def test_delivery(suite, server, places):
    """A result for each recipient, and the connection serves the next message."""
    server.refused['no@here.test'] = '550 5.1.1 nobody'
    send(suite, 'first', 'a@here.test', 'no@here.test')
    assert event(suite, 'bounced', 'no@here.test')['dsn'] == '5.1.1'
    e = event(suite, 'delivered', 'a@here.test')
    assert (e['relay'], e['tls'], e['tls_rule']) == (f'unix:{places["here"]}', '', 'Unix socket')
    send(suite, 'second', 'b@here.test')
    suite.wait_for(lambda: taken(server, 'second'))
    assert server.connections == 1 and any(l.startswith(b'LHLO ') for l in server.transcript)


def test_nobody_there(suite, places):
    """It waits, and goes when there is somebody."""
    send(suite, 'later', 'a@later.test')
    e = event(suite, 'deferred', 'a@later.test')
    assert places['later'] in e['status'] and 'No such file' in e['status'] and e['dsn'] == '4.4.1'
    with FaultServer(address=places['later'], lmtp=True) as s:
        suite.wait_for(lambda: taken(s, 'later'))


def test_what_is_wrong_with_it(suite, places):
    """In words that say what to put right, where connect(2) has none."""
    with contextlib.ExitStack() as opened:
        def bound(name, kind=socket.SOCK_STREAM):
            s = opened.enter_context(socket.socket(socket.AF_UNIX, kind))
            s.bind(places[name])
            return s
        bound('left').close()
        open(places['file'], 'w').close()
        bound('datagrams', socket.SOCK_DGRAM)
        bound('busy').listen(0)
        opened.enter_context(socket.socket(socket.AF_UNIX)).connect(places['busy'])
        for name, why in {'left': 'nobody listens there', 'file': 'nobody listens there', 'datagrams': 'it is not a stream socket',
                          'busy': 'as many connections wait there as its server lets wait'}.items():
            send(suite, name, f'a@{name}.test')
            e = event(suite, 'deferred', f'a@{name}.test')
            assert (e['dsn'], e['status']) == ('4.4.1', f'451 connect to unix:{places[name]}: {why}')
    suite.tool('queue', 'delete', 'ALL')


def test_named_ones_only(suite, server, places):
    """What is not among remote_sockets, or not LMTP, is an error of the table, and nobody connects."""
    with FaultServer(address=places['unlisted'], lmtp=True) as s:
        send(suite, 'unlisted', 'a@unlisted.test', 'a@smtp.test')
        for to in ('a@unlisted.test', 'a@smtp.test'):
            assert event(suite, 'deferred', to)['dsn'].startswith('4.')
        suite.wait_for(lambda: {'its Unix socket is not one of remote_sockets', 'only LMTP goes to Unix sockets'} <=
                       {e['fields']['why'] for e in suite.logged('table-failed')})
        assert s.connections == 0
    suite.tool('queue', 'delete', 'ALL')


def test_explain_an_error_of_the_table(suite, places):
    shown = suite.tool('explain', 'route', SENDER, 'a@unlisted.test').stdout
    assert 'cannot be followed: its Unix socket is not one of remote_sockets\n' in shown
    lookups = json.loads(suite.tool('explain', '--json', 'route', SENDER, 'a@unlisted.test').stdout.splitlines()[0])['lookups']
    assert (lookups[-1]['result'], lookups[-1]['value']) == ('failed', 'its Unix socket is not one of remote_sockets')
    assert lookups[-1]['rule'] == lookups[-2]['rule'] and lookups[-2]['result'] == 'found'


def test_explain(suite, places):
    (hop,) = json.loads(suite.tool('explain', '--json', 'route', SENDER, 'a@here.test').stdout.splitlines()[-1])['hops']
    assert (hop['nexthop'], hop['source'], hop['tls']['policy']) == (f'unix:{places["here"]}', 'socket', 'none')
    assert f'next hop unix:{places["here"]}' in suite.tool('explain', 'route', SENDER, 'a@here.test').stdout


def test_check(suite):
    for value, complaint in (('relative', 'absolute'), ('/' + 'x' * 120, 'too long for a socket')):
        assert complaint in suite.config_fault(lambda c: re.sub('^remote_sockets = .*', f'remote_sockets = {{"{value}"}}', c, flags=re.M))
