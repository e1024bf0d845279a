"""Lanes: by a field of the header, a login, a sender or a listener; decided once, recorded, asked for in queries."""
import json, smtplib
import pytest
import conftest
from smtp_fault_server import FaultServer
from test_queue import Later, SENDER, file_of, listing

BUSY = FaultServer()
BUSY.refused = Later()
RULES = {
    'header:precedence:bulk': 'bulk', 'header:list-id': 'bulk', 'login:user2@example.test': 'reports', 'news@example.test': 'bulk',
    '@urgent.test': 'users', 'broken@example.test': 'fast', 'listener:submission': 'bounces',
}


def conf(rules):
    table = ', '.join(f'{k}={v}' for k, v in rules.items())
    return f'''
transport_maps = {{"inline:{{slow.test=smtp:{BUSY.hop}}}"}}
remote_ports = {{{BUSY.port}}}
minimal_backoff = 300s
maximal_backoff = 300s
submission_plaintext_auth = yes
lane_headers = {{"Precedence", "List-Id"}}
lane_maps = {{"inline:{{{table}}}"}}
'''


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf=conf(RULES), users=3) as s:
        yield s


def queued(suite, sender=SENDER, header='', rcpts=1, login=None):
    before = {r['queue_id'] for r in listing(suite)}
    port = suite.smtp_port if login is None else suite.submission
    with smtplib.SMTP(suite.host, port, timeout=20) as c:
        if login is not None:
            c.login(suite.accounts[login]['address'], suite.accounts[login]['password'])
        c.sendmail(sender, [f'a{n}@slow.test' for n in range(rcpts)], f'{header}From: {sender}\r\n\r\nbody\r\n')
    return suite.wait_for(lambda: [r for r in listing(suite) if r['queue_name'] == 'deferred' and r['queue_id'] not in before])[0]


def shown(suite, id):
    lines = suite.tool('queue', 'show', '-e', id).stdout.partition('\ntranscript:')[0].splitlines()
    return {k: json.loads(v) for k, _, v in (l.partition(': ') for l in lines if ': ' in l)}


def where(suite, query):
    return {r['queue_id'] for r in listing(suite, '--where', query)}


def test_choice(suite):
    """Each kind of rule; what says most of the one message comes first; no rule: what the message is."""
    header = queued(suite, 'boss@urgent.test', header='PRECEDENCE:\r\n  Bulk\r\n')
    listed = queued(suite, header='List-Id: News <news.example>\r\nPrecedence: first-class\r\n')
    login = queued(suite, 'user2@example.test', login=1)
    sender = queued(suite, 'news@example.test')
    listener = queued(suite, 'user3@example.test', login=2)
    urgent = queued(suite, 'boss@urgent.test', rcpts=11)
    many = queued(suite, rcpts=11)
    plain = queued(suite, header='Subject: Precedence: bulk\r\n')
    lanes = {'bulk': [header, listed, sender, many], 'reports': [login], 'bounces': [listener], 'users': [urgent, plain]}
    for lane, messages in lanes.items():
        assert where(suite, f'lane={lane}') == {m['queue_id'] for m in messages}
        for m in messages:
            assert m['lane'] == lane
    for m, key in ((header, 'header:precedence:bulk'), (listed, 'header:list-id'), (login, 'login:'), (sender, 'news@'), (urgent, '@urgent')):
        assert 'inline' in shown(suite, m['queue_id'])['lane_rule']
    for m in (many, plain):
        assert 'lane_rule' not in shown(suite, m['queue_id'])


def test_failing_table_defers(suite):
    """A rule that says nonsense is no lane: the client keeps the message."""
    with suite.smtp_client() as c:
        with pytest.raises(smtplib.SMTPDataError) as e:
            c.sendmail('broken@example.test', ['a@slow.test'], 'Subject: x\r\n\r\nbody\r\n')
    assert e.value.smtp_code == 451
    assert any('lane' in str(e['fields']) or 'inline' in str(e['fields']) for e in suite.wait_event('table-failed'))


def test_explain(suite):
    def lane(*args):
        lines = suite.tool('explain', '--json', 'route', *args).stdout.splitlines()
        return [json.loads(l) for l in lines][-1]['lane']
    assert lane('news@example.test', 'a@slow.test')['name'] == 'bulk'
    assert 'inline' in lane('news@example.test', 'a@slow.test')['rule']
    assert lane('--login', 'user2@example.test', SENDER, 'a@slow.test')['name'] == 'reports'
    assert lane('--header', 'List-Id:x', SENDER, 'a@slow.test')['name'] == 'bulk'
    assert lane('--listener', 'submission', SENDER, 'a@slow.test')['name'] == 'bounces'
    assert lane(SENDER, 'a@slow.test') == {'name': 'users', 'rule': 'default'}
    assert lane('', 'a@slow.test')['name'] == 'bounces'
    assert 'lane: bulk (' in suite.tool('explain', 'route', 'news@example.test', 'a@slow.test').stdout


def test_recorded(suite):
    """It stays with the message, whatever the table says after a restart, and with a file of the past without the record."""
    message = queued(suite, 'news@example.test')
    id, plain = message['queue_id'], queued(suite)['queue_id']
    suite.stop()
    suite.users = 0  # they are there already
    suite.extra.write_text(conf({'@example.test': 'bounces'}))
    (file_of(suite, id).parents[1] / 'checkpoint').unlink()
    suite.start()
    suite.wait_for(lambda: where(suite, f'id={id} or id={plain}') == {id, plain})
    assert shown(suite, id)['lane'] == 'bulk' and 'inline' in shown(suite, id)['lane_rule']
    assert shown(suite, plain)['lane'] == 'users'
