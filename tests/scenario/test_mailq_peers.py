"""mailq and postqueue beside Debian's Postfix: the same messages wait in both for the same reasons, and the lists are
the same to the byte but for ids, times and the Received header's size."""
import json, os, pathlib, re, smtplib, string, subprocess, time
import pytest
from conftest import running, wait_for
from real_servers import Postfix
from smtp_fault_server import FaultServer
import peers

HERE = '127.0.0.1'


class Listing(Postfix):
    """With mailq's service; everything is sent to the server that refuses it."""
    settings = '''mynetworks = 0.0.0.0/0
enable_long_queue_ids = yes
message_size_limit = 0
smtp_address_preference = ipv4
bounce_queue_lifetime = 5d
'''

    def start(self):
        command = super().start()
        master = self.top / 'conf/master.cf'
        master.write_text(master.read_text() + 'showq unix n - n - - showq\n')
        return command

    def tool(self, *args):
        inside = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children').read_text().split()[0]
        return subprocess.run(['nsenter', '-t', inside, '-m', f'/usr/sbin/{args[0]}', '-c', self.top / 'conf', *args[1:]],
                              env=peers.run_env(self.root), capture_output=True, text=True, timeout=60)


REFUSED = {'full@far.test': '452 4.2.2 the mailbox is full', 'late@far.test': '451 4.3.0 not now',
           'later@far.test': '451 4.3.0 not now', 'long@far.test': '450 4.7.1 ' + 'come back, ' * 12 + 'please'}
MAILS = [('', ['late@far.test']), ('one@here.test', ['full@far.test', 'late@far.test', 'later@far.test', 'long@far.test']),
         ('a.very.long.sender.address.that.fills.more.than.its.column@some.domain.here.test', ['long@far.test'])]


@pytest.fixture(scope='module')
def both():
    server = FaultServer()
    server.refused.update(REFUSED)
    conf = f'relayhost = "[{HERE}]:{server.port}"\nremote_ports = {{{server.port}}}\n'
    with server, Listing(way_back=server.port, pair=('/dev/null', '/dev/null')) as theirs, running(conf=conf) as ours:
        for host, port in ((theirs.at, theirs.port), (ours.host, ours.smtp_port)):
            for n, (sender, to) in enumerate(MAILS):
                with smtplib.SMTP(host, port, timeout=20) as s:
                    s.sendmail(sender, to, 'Subject: x\r\n\r\n' + f'{"x" * 70}\r\n' * 2 ** (3 * n))
                wait_for(lambda: waits(theirs if host == theirs.at else ours, n + 1))
        yield theirs, ours


def ask(side, name, *args):
    if isinstance(side, Listing):
        return side.tool(name, *args)
    at = side.top / name
    if not at.exists():
        at.symlink_to(side.build / 'bin/thurn')
    env = dict(os.environ, THURN_CONF=side.conf, THURN_LIBEXEC=str(side.build / 'libexec'))
    return subprocess.run([at, *args], env=env, capture_output=True, text=True, timeout=60)


def waits(side, n):
    records = [json.loads(l) for l in ask(side, 'postqueue', '-j').stdout.splitlines()]
    return len(records) == n and all(r['queue_name'] == 'deferred' for r in records)


def listed(side):
    """The heading, the messages without what differs between any two hosts, and the end."""
    r = ask(side, 'postqueue', '-p')
    assert r.returncode == 0 and r.stderr == '', r.stderr
    blocks = []
    for block in r.stdout.split('\n\n'):
        lines = block.split('\n')
        heading = [lines.pop(0)] if lines[0].startswith('---') else []
        if not lines[0].startswith('--'):
            first = lines[0]
            name, size, when = first[:17], first[18:26], first[27:46]
            time.strptime(when, '%a %b %d %H:%M:%S')
            assert first[17] == first[26] == first[46] == ' ' and size == f'{int(size):8}', first
            lines[0] = name.rstrip().lstrip(string.ascii_letters + string.digits) + first[46:]
        else:
            lines[0] = re.sub('[0-9]+ Kbytes', 'N Kbytes', lines[0])
        blocks.append(lines)
    return heading, sorted(blocks[:-1]), blocks[-1]


def records(side):
    """postqueue -j: of ours only what Postfix has as well, in its order."""
    out = []
    for line in ask(side, 'postqueue', '-j').stdout.splitlines():
        o = json.loads(line)
        assert isinstance(o['arrival_time'], int) and isinstance(o['message_size'], int)
        to = [[(k, r[k]) for k in ('address', 'delay_reason')] for r in o['recipients']]
        keys = [k for k in o if k in ('queue_name', 'queue_id', 'arrival_time', 'message_size', 'forced_expire', 'sender', 'recipients')]
        out.append((o['sender'], o['queue_name'], o['forced_expire'], keys, to))
    return sorted(out)


def told(side, *args):
    r = ask(side, 'postsuper', *args)
    return r.returncode, r.stdout, sorted(re.sub(r'postsuper: \w+: (placed|released|requeued|removed)', r'postsuper: ID: \1', r.stderr).splitlines())


def test_lists(both):
    theirs, ours = both
    assert listed(ours) == listed(theirs)
    assert records(ours) == records(theirs)


def test_marks_and_what_postsuper_says(both):
    theirs, ours = both
    assert told(ours, '-h', 'ALL') == told(theirs, '-h', 'ALL')
    assert listed(ours) == listed(theirs)
    assert all(b[0].startswith('! ') for b in listed(ours)[1])
    ids = [json.loads(ask(s, 'postqueue', '-j').stdout.splitlines()[0])['queue_id'] for s in both]
    assert told(ours, '-H', ids[1]) == told(theirs, '-H', ids[0])
    assert told(ours, '-d', 'ALL', 'hold', 'deferred') == told(theirs, '-d', 'ALL', 'hold', 'deferred')
    for side in both:
        wait_for(lambda: ask(side, 'postsuper', '-d', 'ALL') and not ask(side, 'postqueue', '-j').stdout)
        assert ask(side, 'postqueue', '-p').stdout == 'Mail queue is empty\n'
