"""What access(5) rules do with a message besides taking or refusing it: HOLD, DISCARD, REDIRECT, BCC, FILTER and
PREPEND, alone and together, with real mail from the SMTP port and from sendmail(1)."""
import email, os, pathlib, smtplib, subprocess
import pytest
from conftest import Suite
from ports import free_port
from smtp_fault_server import FaultServer

SENDERS = '''
hold@rule.test      HOLD look at this
discard@rule.test   DISCARD
redirect@rule.test  REDIRECT user2@example.test
bcc@rule.test       BCC user2@example.test
copyall@rule.test   BCC archive@hole.test
filter@rule.test    FILTER smtp:[127.0.0.1]:PORT
prepend@rule.test   PREPEND X-Seen: by a rule
broken@rule.test    REDIRECT <>
'''
RCPTS = '''
trap@example.test   DISCARD
held@example.test   HOLD
noted@example.test  PREPEND X-Seen: by a rule
also@example.test   PREPEND X-Also: {long text}
copied@example.test BCC user2@example.test
moved@example.test  REDIRECT user1@example.test
'''

# who is not an account is a name for one
ALIASES = ', '.join(f'{name}@example.test=user{n}@example.test' for name, n in [
    ('trap', 1), ('held', 1), ('noted', 1), ('also', 1), ('copied', 1), ('moved', 2), ('both', 2)])


class Rules(Suite):
    def __init__(self, filter_port):
        conf = '''
            sender_access = {"texthash:senders"}
            recipient_access = {"texthash:rcpts"}
            client_access = {"cidr:clients"}
            remote_ports = {FILTER}
            trusted_networks = {"127.0.0.0/16"}
            virtual_alias_maps = {"inline:{ALIASES}"}
            transport_maps = {"inline:{hole.test=discard:}"}
            listener back {
                service = smtp
                address = {"127.0.0.1"}
                port = BACK
                access_rules = no
            }'''
        self.back = free_port()
        super().__init__(conf=conf.replace('BACK', str(self.back)).replace('ALIASES', ALIASES)
                         .replace('FILTER', str(filter_port)))
        tables = self.top / 'table'
        tables.mkdir(mode=0o755)
        (tables / 'senders').write_text(SENDERS.replace('PORT', str(filter_port)))
        (tables / 'rcpts').write_text(RCPTS)
        (tables / 'clients').write_text('127.0.7.0/24 PREPEND X-Net: seven\n127.0.8.0/24 HOLD\n')

    def post(self, subject, sender, *to, source='127.0.0.1', port=None, text='body\r\n'):
        with smtplib.SMTP(self.host, port or self.smtp_port, timeout=20, source_address=(source, 0)) as s:
            return s.sendmail(sender, to or ['user1@example.test'], f'Subject: {subject}\r\n\r\n{text}')

    def found(self, subject, n):
        """The messages of that subject in the mailbox of user n + 1, parsed."""
        all = [email.message_from_bytes(p.read_bytes()) for p in self.messages(n)]
        return [m for m in all if m['Subject'] == subject]

    def arrives(self, subject, *counts):
        """So many at user1 and user2, and no more when the queue has nothing left to do."""
        self.wait_for(lambda: tuple(len(self.found(subject, n)) for n in range(2)) >= counts)
        self.wait_for(lambda: not self.queued('active'))
        assert tuple(len(self.found(subject, n)) for n in range(2)) == counts

    def queued(self, queue=None):
        import json
        lines = self.tool('queue', 'list', '--json').stdout.splitlines()
        return [m for m in map(json.loads, lines) if queue in (None, m['queue_name'])]

    def acted(self, action, **fields):
        return [e['fields'] for e in self.events('rcpt-action') if e['fields']['action'] == action
                and all(e['fields'].get(k) == v for k, v in fields.items())]


@pytest.fixture(scope='module')
def filter_server():
    with FaultServer() as server:
        yield server


@pytest.fixture(scope='module')
def rules(filter_server):
    s = Rules(filter_server.port)
    try:
        yield s.start()
    finally:
        s.close()


def test_hold_then_release(rules):
    rules.post('kept', 'hold@rule.test', 'user1@example.test', 'user2@example.test')
    one, = rules.queued()
    assert one['queue_name'] == 'hold' and len(one['recipients']) == 2
    assert one['actions'] == [{'action': 'HOLD', 'value': 'look at this', 'rule': 'texthash:senders:2'}]
    assert one['queue_id'] + '!' in rules.tool('queue', 'list').stdout
    rules.wait_for(lambda: rules.acted('HOLD', rule='texthash:senders:2', to='user1@example.test'))
    # it is held whatever restarts, and until it is released
    rules.tool('stop'), rules.tool('start')
    rules.wait_for(lambda: rules.queued('hold'))
    rules.tool('queue', 'flush')
    assert rules.queued('hold') and not rules.found('kept', 0)
    rules.tool('queue', 'release', one['queue_id'])
    rules.arrives('kept', 1, 1)
    assert not rules.queued()


def test_hold_when_killed_before_the_time_was_on_the_file(rules):
    rules.post('cut off', 'hold@rule.test')
    one, = rules.queued()
    rules.tool('stop')
    # what a kill between the two leaves: a sealed file, and the time at which it was written
    path, = pathlib.Path(rules.spool).glob(f'??/{one["queue_id"]}')
    os.utime(path)
    rules.tool('start')
    rules.wait_for(lambda: rules.queued('hold'))
    rules.tool('queue', 'flush')
    assert rules.queued('hold') and not rules.found('cut off', 0)
    rules.tool('queue', 'release', one['queue_id'])
    rules.arrives('cut off', 1, 0)


def test_hold_a_large_message(rules):
    rules.post('large', 'hold@rule.test', text='x' * 70 + '\r\n' + ('y' * 76 + '\r\n') * 10000)
    one, = rules.queued()
    assert one['queue_name'] == 'hold'
    rules.tool('queue', 'release', one['queue_id'])
    rules.arrives('large', 1, 0)
    assert rules.found('large', 0)[0].as_bytes().count(b'y' * 76) == 10000


def test_discard(rules):
    """The message is gone for all, also when only the rule of one recipient says so: as in Postfix."""
    rules.post('gone', 'discard@rule.test')
    rules.post('trapped', 'a@b.test', 'user1@example.test', 'trap@example.test')
    rules.post('large and gone', 'discard@rule.test', text=('y' * 76 + '\r\n') * 10000)
    rules.post('here', 'a@b.test')
    rules.arrives('here', 1, 0)
    rules.arrives('gone', 0, 0)
    rules.arrives('trapped', 0, 0)
    rules.arrives('large and gone', 0, 0)
    rules.wait_for(lambda: len(rules.logged('discarded')) == 3 and rules.acted('DISCARD', to='trap@example.test'))
    assert not rules.queued()


def test_discard_one_of_two(rules):
    """A transport is for one recipient."""
    rules.post('half', 'a@b.test', 'user1@example.test', 'x@hole.test')
    rules.arrives('half', 1, 0)
    rules.wait_for(lambda: not rules.queued())


def test_discard_beats_all(rules):
    rules.post('discarded and held', 'hold@rule.test', 'trap@example.test')
    rules.post('discarded copy', 'bcc@rule.test', 'trap@example.test')
    rules.arrives('discarded and held', 0, 0)
    rules.arrives('discarded copy', 0, 0)
    assert not rules.queued()


def test_redirect(rules):
    rules.post('elsewhere', 'redirect@rule.test', 'user1@example.test', 'both@example.test', 'x@hole.test')
    rules.arrives('elsewhere', 0, 1)
    # the last one counts
    rules.post('twice', 'redirect@rule.test', 'moved@example.test')
    rules.arrives('twice', 1, 0)


def test_bcc(rules):
    rules.post('copied', 'bcc@rule.test')
    rules.arrives('copied', 1, 1)
    # once, though two rules want it, and it is a recipient already
    rules.post('copied once', 'bcc@rule.test', 'copied@example.test', 'user2@example.test')
    rules.arrives('copied once', 1, 1)
    rules.post('two copies', 'copyall@rule.test', 'copied@example.test')
    rules.arrives('two copies', 1, 1)
    rules.wait_event('delivered', to='archive@hole.test')


def test_bcc_is_in_the_queue_and_never_reported(rules):
    """mailq counts the copy; when it fails nobody is told who does not know of it."""
    rules.post('held copy', 'copyall@rule.test', 'held@example.test')
    one, = rules.queued()
    assert [r['address'] for r in one['recipients']] == ['held@example.test', 'archive@hole.test']
    assert 'archive@hole.test' in rules.tool('queue', 'list').stdout
    rules.tool('queue', 'release', one['queue_id'])
    rules.arrives('held copy', 1, 0)


def test_prepend(rules):
    rules.post('noted', 'prepend@rule.test', 'noted@example.test', 'user2@example.test', source='127.0.7.1')
    rules.arrives('noted', 1, 1)
    for n in range(2):
        m, = rules.found('noted', n)
        names = m.keys()
        assert m.get_all('X-Seen') == ['by a rule'] and m.get_all('X-Net') == ['seven']  # once, whoever wants it
        assert names.index('X-Seen') < names.index('Received') and names.index('X-Net') < names.index('X-Seen')
    rules.post('noted too', 'prepend@rule.test', 'also@example.test')
    rules.arrives('noted too', 1, 0)
    assert rules.found('noted too', 0)[0]['X-Also'] == '{long text}'


def test_filter(rules, filter_server):
    """The filter gets the recipients as they are, and what it gives back is delivered without another round."""
    rules.post('filtered', 'filter@rule.test', 'noted@example.test', 'user2@example.test')
    m = rules.wait_for(lambda: [m for m in filter_server.messages if b'Subject: filtered' in m.data])[0]
    assert sorted(m.rcpts) == ['noted@example.test', 'user2@example.test'] and b'X-Seen: by a rule' in m.data
    assert rules.wait_event('delivered', rule='texthash:senders:7')
    rules.arrives('filtered', 0, 0)
    with smtplib.SMTP(rules.host, rules.back) as s:
        s.sendmail(m.sender, m.rcpts, m.data)
    rules.arrives('filtered', 1, 1)
    assert len([m for m in filter_server.messages if b'Subject: filtered' in m.data]) == 1
    assert rules.found('filtered', 0)[0].get_all('X-Seen') == ['by a rule']


def test_filter_that_is_held(rules, filter_server):
    """The filter's name is in the spool file, and outlives a restart."""
    rules.post('held for the filter', 'filter@rule.test', 'held@example.test')
    one, = rules.queued('hold')
    assert [a['action'] for a in one['actions']] == ['FILTER', 'HOLD']
    rules.tool('stop'), rules.tool('start')
    rules.wait_for(lambda: rules.queued('hold'))
    rules.tool('queue', 'release', one['queue_id'])
    rules.wait_for(lambda: [m for m in filter_server.messages if b'held for the filter' in m.data])
    rules.arrives('held for the filter', 0, 0)


def test_client_and_local(rules):
    """Rules for clients count for each message; sendmail(1) has no address to have rules about, but a sender."""
    rules.post('from a held network', 'a@b.test', source='127.0.8.9')
    one, = rules.queued('hold')
    rules.tool('queue', 'delete', one['queue_id'])
    out = subprocess.run([rules.build / 'bin/sendmail', '-C', rules.conf, '-f', 'redirect@rule.test', 'user1@example.test'],
                         input='Subject: by hand\n\nbody\n', text=True, capture_output=True)
    assert (out.returncode, out.stdout, out.stderr) == (0, '', '')
    rules.arrives('by hand', 0, 1)


def test_faulty_rule(rules):
    """What a rule means is not guessed."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        rules.post('broken', 'broken@rule.test')
    assert refused.value.recipients['user1@example.test'][0] == 451
    assert rules.wait_event('access-action-unknown', rule='texthash:senders:9')


def test_refused_recipient_changes_nothing(rules):
    """A rule of a recipient that is refused after all does nothing to the others."""
    with smtplib.SMTP(rules.host, rules.smtp_port) as s:
        s.ehlo()
        s.mail('prepend@rule.test')
        assert s.rcpt('nobody@example.test')[0] == 550
        s.rset()
        s.mail('a@b.test')
        assert s.rcpt('user1@example.test')[0] == 250
        s.data('Subject: plain\r\n\r\nbody\r\n')
    rules.arrives('plain', 1, 0)
    assert 'X-Seen' not in rules.found('plain', 0)[0]
