"""Sections "reaction": what a destination says makes the suite slow down, stop, or not believe in a 5xx; for a while, and shown."""
import json, os, pathlib, re, smtplib, time
import pytest
import conftest
from smtp_fault_server import SLOW, Hosts

EXAMPLES = conftest.TESTS.parent / 'etc/reactions.conf'
AT = {'slow.test': '127.0.0.2', 'stop.test': '127.0.0.3', 'block.test': '127.0.0.4', 'over.test': '127.0.0.5', 'move.test': '127.0.0.6',
      'two.test': '127.0.0.7,127.0.0.8'}
RULES = '''
reaction hurried {{
  reply = '/^450 4\\.7\\.28 .*rate limit/'
  action = slow
  factor = 4
  time = {slow}
}}
reaction stopped {{
  reply = '/^421 4\\.7\\.0 \\[TS\\d+\\]/'
  domains = {{"stop.test"}}
  action = suspend
  time = 1h
}}
reaction blocked {{
  reply = '/^5\\d\\d .*block list 7 .* MAIL FROM/'
  action = suspend
  time = 2s
  temporary = yes
}}
reaction elsewhere {{
  reply = '/^450 4\\.7\\.1 .*use another address/'
  action = move
  source_pool = backup
}}
source out1 {{
  address = {{"127.0.1.1"}}
}}
source_pool backup {{
  sources = {{out1}}
}}
destination one {{
  domains = {{"move.test"}}
  together = no
  concurrency = 1
}}
reaction costly {{
  reply = '/^452 4\\.3\\.1 (a+)+$/'
  action = suspend
}}
'''


def settings(hosts, rules=RULES.format(slow='1h')):
    static = ', '.join(f'"{d}={a}"' for d, a in AT.items())
    return f'''minimal_backoff = 1s
maximal_backoff = 2s
remote_shortcut_time = 0
remote_port = {hosts.port}
remote_ports = {{{hosts.port}}}
static_hosts = {{{static}}}
{rules}
include "{EXAMPLES}"
'''


@pytest.fixture(scope='module')
def hosts():
    h = Hosts({a: {} for list in AT.values() for a in list.split(',')})
    yield h
    assert h.faults() == []
    h.close()


@pytest.fixture(scope='module')
def suite(hosts):
    s = conftest.Suite(conf=settings(hosts))
    try:
        s.start()
        yield s
    finally:
        s.close()


def send(suite, subject, to):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('user1@example.test', [to], f'Subject: {subject}\r\n\r\nbody\r\n')


def why(suite, name):
    return json.loads(suite.tool('queue', 'why', '--json', name).stdout.splitlines()[0])


def suspended(suite):
    return {s['name']: s for s in map(json.loads, suite.tool('queue', 'suspended', '--json').stdout.splitlines())}


def line_of(suite, what):
    return 1 + next(i for i, l in enumerate(open(suite.conf).read().splitlines()) if what in l)


def test_slow_and_restart(suite, hosts):
    """Slowed down by the rule, which is named; no longer than it says, also when it is said again; kept over a restart; lifted by hand."""
    hosts.at[AT['slow.test']].plan('mail', '450 4.7.28 rate limit exceeded', times=2)
    send(suite, 'slow', 'a@slow.test')
    suite.wait_for(lambda: hosts.taken('slow'))
    w = why(suite, 'slow.test')
    (r,) = w['reactions']
    assert (w['slowed'], w['cap']) == (4, 5) and 3500 * 1000 < w['slowed_ms'] <= 3600 * 1000
    assert (r['rule'], r['slowed']) == ('hurried', 4) and 'rate limit exceeded (in reply to MAIL FROM' in r['reason']
    assert r['where'].endswith(f":{line_of(suite, 'rate limit')}")
    text = suite.tool('queue', 'why', 'slow.test').stdout
    assert 'reaction, slowed down 4 times, since' in text and 'by rule hurried (' in text
    (e,) = suite.events('destination-slowed')  # once, though it was said twice
    assert e['fields']['rule'] == 'hurried' and e['fields']['name'] == 'slow.test'
    suite.stop()
    suite.users = 0
    suite.start()
    assert suspended(suite)['slow.test']['rule'] == 'hurried' and w['shortcut'] == 'off'
    w = why(suite, 'slow.test')  # also before there is mail for it
    assert (w['slowed'], w['cap']) == (4, 5) and 3500 * 1000 < w['slowed_ms'] <= 3600 * 1000
    send(suite, 'slow again', 'a@slow.test')
    suite.wait_for(lambda: hosts.taken('slow again'))
    assert why(suite, 'slow.test')['cap'] == 5
    suite.tool('queue', 'resume', 'slow.test')
    w = why(suite, 'slow.test')
    assert w['reactions'] == [] and w['cap'] == 20 and 'slow.test' not in suspended(suite)


def test_rules_leave_room(suite):
    """However many destinations have said something, an administrator can suspend one more."""
    suite.stop()
    suite.users = 0
    until = int(time.time()) + 3600
    kept = pathlib.Path(suite.spool, 'suspended')
    kept.write_text(''.join(f'100 {until + (i + 500) % 1000} slow=4 hurried - d{i}.test 450\n' for i in range(1000)))
    owner = kept.parent.stat()
    os.chown(kept, owner.st_uid, owner.st_gid)
    suite.start()
    assert len(suspended(suite)) == 1000
    suite.tool('queue', 'suspend', 'wanted.test')
    now = suspended(suite)
    assert len(now) == 1000 and 'wanted.test' in now and 'd500.test' not in now  # which would have ended first
    suite.stop()
    kept.unlink()
    suite.start()


def test_suspend_in_scope(suite, hosts):
    """A 421 instead of a greeting from the destination of the rule keeps its mail on disk; the same from another one does not."""
    for d in ('over.test', 'stop.test'):
        hosts.at[AT[d]].plan('connect', '421 4.7.0 [TS03] all messages from you are deferred')
        send(suite, f'421 {d}', f'a@{d}')
    suite.wait_for(lambda: 'stop.test' in suspended(suite) and hosts.taken('421 over.test'))
    assert 'over.test' not in suspended(suite)
    send(suite, 'behind', 'b@stop.test')
    w = suite.wait_for(lambda: (lambda w: w['on_disk']['users'] == 2 and w)(why(suite, 'stop.test')))
    assert w['limiter'] == 'suspended' and w['reactions'][0]['rule'] == 'stopped'
    e = [e for e in suite.events('deferred') if e['fields']['to'] == 'b@stop.test'][0]
    assert 'suspended for what it has said (stopped)' in e['fields']['status']
    assert not hosts.taken('behind')
    suite.tool('queue', 'resume', 'stop.test')
    suite.wait_for(lambda: hosts.taken('behind') and hosts.taken('421 stop.test'))


def test_what_the_first_of_two_says(suite, hosts):
    """It wants less; that the second address takes the message does not make that unsaid."""
    first, second = AT['two.test'].split(',')
    hosts.at[first].plan('connect', '450 4.7.28 rate limit exceeded')
    send(suite, 'two', 'a@two.test')
    suite.wait_for(lambda: hosts.at[second].messages)
    suite.wait_for(lambda: 'two.test' in suspended(suite))
    w = why(suite, 'two.test')
    assert [(r['rule'], r['slowed']) for r in w['reactions']] == [('hurried', 4)]
    suite.tool('queue', 'resume', 'two.test')


def test_move(suite, hosts):
    """Mail that comes from the wrong address comes from that of another pool, until that is over; kept over a restart."""
    hosts.at[AT['move.test']].plan('rcpt', '450 4.7.1 use another address')
    send(suite, 'moved', 'a@move.test')
    (_, m), = suite.wait_for(lambda: hosts.taken('moved'))
    assert m.peer == '127.0.1.1'
    (e,) = suite.events('destination-moved')
    assert e['fields']['rule'] == 'elsewhere' and e['fields']['name'] == 'move.test'
    assert suspended(suite)['move.test']['moved_to'] == 'backup'
    assert ', moved to backup, since' in suite.tool('queue', 'why', 'move.test').stdout
    suite.stop()
    suite.users = 0  # they are there already
    suite.start()
    send(suite, 'moved again', 'a@move.test')
    assert suite.wait_for(lambda: hosts.taken('moved again'))[0][1].peer == '127.0.1.1'
    suite.tool('queue', 'resume', 'move.test')
    send(suite, 'moved back', 'a@move.test')
    assert suite.wait_for(lambda: hosts.taken('moved back'))[0][1].peer == '127.0.0.1'


def test_move_what_waits(suite, hosts):
    """What is queued for the destination already goes out from the other address."""
    hosts.at[AT['move.test']].plan('rcpt', SLOW(1, '450 4.7.1 use another address'))
    send(suite, 'first', 'a@move.test')
    suite.wait_for(lambda: why(suite, 'move.test')['deliveries'] == 1)
    send(suite, 'second', 'a@move.test')
    suite.wait_for(lambda: why(suite, 'move.test')['in_memory']['users'] == 1)
    for subject in ('second', 'first'):
        assert suite.wait_for(lambda: hosts.taken(subject))[0][1].peer == '127.0.1.1'
    suite.tool('queue', 'resume', 'move.test')


def test_block_is_no_bounce(suite, hosts):
    """A 5xx about this host: the message stays, goes when the suspension has ended by itself, and nothing is bounced."""
    hosts.at[AT['block.test']].plan('mail', '554 5.7.1 your address is on block list 7')
    send(suite, 'block', 'a@block.test')
    suite.wait_for(lambda: hosts.taken('block'), seconds=30)
    (e,) = suite.events('destination-suspended')[-1:]
    assert e['fields']['rule'] == 'blocked' and e['fields']['name'] == 'block.test'
    assert suite.events('destination-resumed')[-1]['fields']['name'] == 'block.test'
    assert not [e for e in suite.events('bounced') if e['fields']['to'] == 'a@block.test']


def test_costly_match(suite, hosts):
    """A reply that PCRE2 cannot decide within its limits leads to nothing, and is told."""
    hosts.at[AT['over.test']].plan('rcpt', '452 4.3.1 ' + 'a' * 60)
    send(suite, 'costly', 'a@over.test')
    suite.wait_for(lambda: hosts.taken('costly'))
    (e,) = suite.events('reaction-undecided')
    assert e['fields']['rule'] == 'costly' and 'limit' in e['fields']['error']
    assert 'over.test' not in suspended(suite)


def test_explain(suite):
    def explain(*args):
        return suite.tool('explain', 'reply', *args).stdout

    line = line_of(suite, 'TS')
    assert explain('stop.test', '421 4.7.0 [TS01] later').startswith('suspend by rule stopped (') and f':{line})' in \
        explain('stop.test', '421 4.7.0 [TS01] later')
    assert explain('over.test', '421 4.7.0 [TS01] later') == 'nothing: no rule fits\n'
    assert 'cannot be decided' in explain('over.test', '452 4.3.1 ' + 'a' * 60 + '.')
    v = json.loads(explain('--json', 'x.test', '550 5.7.1 block list 7 (in reply to MAIL FROM command)'))
    assert (v['rule'], v['action'], v['temporary']) == ('blocked', 'suspend', True)


def test_examples(suite):
    """Each section of the file that comes with the suite fits the reply that stands above it, from a host of its own."""
    sections = re.findall(r'# Says: (.*)\nreaction (\S+) {\n((?:\t.*\n)*)}', EXAMPLES.read_text())
    assert len(sections) == EXAMPLES.read_text().count('\nreaction ') > 5
    for reply, title, body in sections:
        host = re.search(r'hosts = { (\S+?)[, ]', body)
        v = json.loads(suite.tool('explain', 'reply', '--json', f'mx{host[1]}' if host else 'any.test', reply).stdout)
        assert v.get('rule') == title, (reply, v)


def test_reload_without_the_rule(suite, hosts):
    """What the section of a reaction that has gone has done is over."""
    hosts.at[AT['slow.test']].plan('mail', '450 4.7.28 rate limit exceeded')
    send(suite, 'last', 'a@slow.test')
    suite.wait_for(lambda: 'slow.test' in suspended(suite))
    text = open(suite.conf).read()
    with open(suite.conf, 'w') as f:
        f.write(text.replace('reaction hurried', 'reaction slower'))
    suite.tool('reload')
    suite.wait_for(lambda: 'slow.test' not in suspended(suite))
    assert why(suite, 'slow.test')['reactions'] == []


@pytest.mark.parametrize('section,complaint', [
    ("reaction a {\n reply = '/(/'\n}", 'reaction a: reply: '),
    ("reaction a {\n reply = '/x/ y'\n}", 'nothing may stand behind the pattern'),
    ('reaction a {\n domains = {"x"}\n}', 'wants /pattern/'),
    ("reaction a {\n reply = '/x/'\n action = move\n source_pool = nowhere\n}", 'there is no "nowhere"'),
    ("reaction \"a b\" {\n reply = '/x/'\n}", 'must be one word'),
])
def test_check(suite, section, complaint):
    assert complaint in suite.config_fault(section)
