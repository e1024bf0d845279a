"""The wall clock is set by ten years, ahead and back, while mail waits and while it comes in (bad input 108).

Every program of the suite runs with clock.c, which gives them the time that the test wants; nothing else is different.
"""
import email, email.utils, json, pathlib, shutil, struct, subprocess, time
import pytest
import conftest
from smtp_fault_server import FaultServer

DECADE = 10 * 365 * 86400
CONF = '''minimal_backoff = 1s
maximal_backoff = 1s
queue_lifetime = 1d
delay_warning = 4h
transport_maps = {{"inline:{{later.test=smtp:{server.hop}}}"}}
remote_ports = {{{server.port}}}
'''


class Clock:
    """A build whose programs see the time that set() says."""

    def __init__(self, top):
        self.file, self.build, library = top / 'offset', top / 'build', top / 'clock.so'
        subprocess.run(['cc', '-O', '-shared', '-fPIC', '-o', library, pathlib.Path(__file__).with_name('clock.c')], check=True)
        (self.build / 'libexec').mkdir(parents=True)
        # a copy: the tool of root looks for the programs beside itself
        shutil.copytree(conftest.BUILD / 'bin', self.build / 'bin')
        self.file.write_bytes(bytes(8))
        for program in (conftest.BUILD / 'libexec').iterdir():
            if program.is_file():
                wrapper = self.build / 'libexec' / program.name
                wrapper.write_text(f'#!/bin/sh\nexport LD_PRELOAD={library} THURN_TEST_CLOCK={self.file}\nexec {program} "$@"\n')
                wrapper.chmod(0o755)

    def set(self, seconds):
        # in place: the programs have it mapped
        with open(self.file, 'r+b', buffering=0) as f:
            f.write(struct.pack('=q', seconds))


class Later(dict):
    """A server's answer to any recipient: not now."""

    def get(self, rcpt, default=None):
        return '450 4.2.0 not now'


@pytest.fixture
def clock(tmp_path):
    for p in (tmp_path, *list(tmp_path.parents)[:2]):
        p.chmod(0o755)
    return Clock(tmp_path)


@pytest.fixture
def server():
    with FaultServer() as s:
        s.refused = Later()
        yield s


def listing(suite):
    return [json.loads(l) for l in suite.tool('queue', 'list', '--json').stdout.splitlines()]


def tries(suite, id):
    return suite.logged('deferred', queue=id)


def waits(suite, subject):
    """Sends one that is tried again and again; its id."""
    before = {r['queue_id'] for r in listing(suite)}
    suite.send(subject, to=['them@later.test'], sender=suite.accounts[0]['address'])
    return suite.wait_for(lambda: {r['queue_id'] for r in listing(suite)} - before).pop()


def goes_on(suite, id):
    """It is tried on, at its pace, and nobody is told anything."""
    began, before = time.monotonic(), len(tries(suite, id))
    suite.wait_for(lambda: len(tries(suite, id)) >= before + 2)
    # one that was under way, and then one in 0.8 s and more
    assert len(tries(suite, id)) - before <= 2 + (time.monotonic() - began) / 0.8
    assert not suite.events('expired') and not suite.events('report-made')


@pytest.mark.parametrize('years', [10, -10])
def test_108_clock_jumps(clock, server, years):
    with conftest.running(build=clock.build, conf=CONF.format(server=server)) as s:
        old = waits(s, 'before')
        goes_on(s, old)
        clock.set(years // 10 * DECADE)
        # the log is of the new time, so the programs see it
        jumped = s.wait_event('clock-jumped')
        assert abs(jumped[0]['fields']['seconds'] - years // 10 * DECADE) < 60
        assert abs(int(jumped[0]['time'][:4]) - time.gmtime().tm_year) in (9, 10)
        goes_on(s, old)
        # what comes in now is as good as any
        new = waits(s, 'after')
        goes_on(s, new)
        s.send('local')
        mine = s.wait_for(lambda: s.messages(0))
        received = email.message_from_bytes(mine[0].read_bytes())['Received'].rpartition(';')[2]
        assert abs(email.utils.parsedate_to_datetime(received).year - time.gmtime().tm_year) in (9, 10)
        m = s.login()
        assert m.select()[1] == [b'1'] and b'Subject: local' in m.fetch('1', '(BODY[])')[1][0][1]
        m.logout()
        # another process, which has not seen the jump (so the one from before it would be as old as it says), and
        # then the right time again
        s.tool('queue', 'delete', old)
        s.wait_for(lambda: [r['queue_id'] for r in listing(s)] == [new])
        s.tool('stop')
        s.tool('start')
        s.wait_for(lambda: len(s.logged('queue-loaded')) == 2)
        goes_on(s, new)
        clock.set(0)
        s.wait_for(lambda: len(s.logged('clock-jumped')) == 2)
        goes_on(s, new)
        server.refused = {}
        s.wait_for(lambda: not listing(s))
        assert sorted(m.rcpts for m in server.messages) == [['them@later.test']]
        assert len(s.messages(0)) == 1


@pytest.mark.parametrize('years', [10, -10])
def test_108_clock_jumps_while_it_is_stopped(clock, server, years):
    with conftest.running(build=clock.build, conf=CONF.format(server=server)) as s:
        id = waits(s, 'before')
        goes_on(s, id)
        s.tool('stop')
        clock.set(years // 10 * DECADE)
        s.tool('start')
        away = s.wait_event('time-away')
        assert abs(away[0]['fields']['seconds'] - years // 10 * DECADE) < 60
        s.wait_for(lambda: len(s.logged('queue-loaded')) == 2)
        goes_on(s, id)


def test_it_expires_by_the_time_that_it_has_waited(clock, server):
    """The control: two steps of the clock that are each too small to be a jump are time that goes by."""
    with conftest.running(build=clock.build, conf=CONF.format(server=server).replace('1d', '90m').replace('4h', '30m')) as s:
        id = waits(s, 'grows old')
        goes_on(s, id)
        clock.set(50 * 60)
        s.wait_for(lambda: [e for e in s.logged('report-made') if e['queue'] == id and e['fields']['kind'] == 'delay'])
        clock.set(100 * 60)
        s.wait_event('expired', queue=id)
        s.wait_for(lambda: not listing(s))
