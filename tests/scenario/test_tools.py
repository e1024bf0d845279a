"""The command-line tools and the log against a running suite."""
import json, os, pathlib, re, signal, socket, subprocess, tempfile, time
import pytest
import conftest

LINKS = {'sendmail': 'sendmail', 'mailq': 'thurn', 'postqueue': 'thurn', 'postsuper': 'thurn', 'postcat': 'thurn'}
WAITING = 'relayhost = "[127.0.0.1]:9"\nremote_ports = {9}\n'


def call(suite, name, *args, input='', user=None):
    """One of the tools by a name that scripts know."""
    at = suite.top / name
    if not at.exists():
        at.symlink_to(suite.build / 'bin' / LINKS[name])
    env = dict(os.environ, THURN_CONF=suite.conf, THURN_LIBEXEC=str(suite.build / 'libexec'))
    return subprocess.run([at, *args], input=input, env=env, capture_output=True, text=True, timeout=60, user=user)


@pytest.fixture
def waiting(new_suite):
    """A suite with one message that cannot go on, and its queue id."""
    suite = new_suite(conf=WAITING)
    suite.send('waits', to=['somebody@elsewhere.test'], body='first\r\n.second')

    def deferred():
        records = [json.loads(l) for l in suite.tool('queue', 'list', '--json').stdout.splitlines()]
        return [r['queue_id'] for r in records if r['queue_name'] == 'deferred']
    suite.id = suite.wait_for(deferred)[0]
    return suite


@pytest.fixture(scope='module')
def waiting_on():
    """The same for tests that leave it as it is."""
    with conftest.running(conf=WAITING) as suite:
        suite.send('waits', to=['somebody@elsewhere.test'])
        suite.id = suite.wait_event('deferred')[0]['queue']
        yield suite


# --- sendmail

@pytest.mark.parametrize('args, text, code', [
    (['-Z'], '', 64), (['-bz'], '', 64), ([], 'x', 64), (['-t'], 'Subject: x\n\nx', 64),
    (['a@@b'], 'x', 65), (['-t'], 'To: a b c\n\n', 65), (['nobody@example.test'], 'x', 67)])
def test_sendmail_exit_codes(suite, args, text, code):
    r = call(suite, 'sendmail', *args, input=text)
    assert r.returncode == code and r.stderr, r.stdout + r.stderr


@pytest.mark.parametrize('args', [['-N', 'foo'], ['-N', 'never,success'], ['-R', 'x'], ['-V', 'x' * 120]])
def test_sendmail_sends_despite(suite, args):
    """A report that nobody understands is not asked for; the message goes all the same, as with Postfix."""
    r = call(suite, 'sendmail', *args, suite.accounts[0]['address'], input=f'Subject: despite {args[1][:9]}\n\n')
    assert r.returncode == 0 and r.stderr.startswith('sendmail: warning: ') and r.stderr.endswith(' -- ignored\n')
    suite.wait_for(lambda: any(f'Subject: despite {args[1][:9]}\n' in p.read_text() for p in suite.messages()))


def test_one_unknown_does_not_stop_the_others(suite):
    good = suite.accounts[1]['address']
    r = call(suite, 'sendmail', 'nobody@example.test', good, input='Subject: to those who exist\n\nx\n')
    assert r.returncode == 67 and 'nobody@example.test' in r.stderr
    suite.wait_for(lambda: any('to those who exist' in p.read_text() for p in suite.messages(1)))


def test_sendmail_when_down(suite, tmp_path):
    conf = tmp_path / 'thurn.conf'
    conf.write_text(f'hostname = mx.example.test\nrun_directory = "{tmp_path}/run"\n'
                    + '\n'.join(l for l in pathlib.Path(suite.conf).read_text().splitlines() if l.startswith('user_')))
    r = call(suite, 'sendmail', '-C', conf, 'root', input='x')
    assert r.returncode == 75 and 'not running' in r.stderr
    r = call(suite, 'sendmail', '-C', conf, '-bs')
    assert r.returncode == 75 and r.stdout.startswith('421 ')


def test_sendmail_envelope(suite):
    to = suite.accounts[0]['address']
    for sender, path in (('<>', '<>'), ('', '<>'), ('a@client.test', '<a@client.test>')):
        r = call(suite, 'sendmail', '-oi', '-f', sender, '-F', 'A "Full" Name', '--', to,
                 input=f'Subject: sender {path}\n\nline\n.\n..\nend')
        assert r.returncode == 0, r.stderr
        text = suite.wait_for(lambda: [t for t in (p.read_text() for p in suite.messages()) if f'Subject: sender {path}\n' in t])[0]
        assert text.startswith(f'Return-Path: {path}\n') and text.endswith('\n\nline\n.\n..\nend\n')
        if path == '<a@client.test>':
            assert 'From: "A \\"Full\\" Name" <a@client.test>\n' in text


def test_sendmail_smtp_and_verify(suite):
    to = suite.accounts[0]['address']
    r = call(suite, 'sendmail', '-bs', input=f'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{to}>\r\nQUIT\r\n')
    assert r.returncode == 0 and re.findall(r'^\d{3} ', r.stdout, re.M) == ['220 ', '250 ', '250 ', '250 ', '221 ']
    r = call(suite, 'sendmail', '-bv', to)
    assert r.returncode == 0 and r.stdout.startswith(f'{to}... deliverable')
    assert call(suite, 'sendmail', '-bv', 'nobody@example.test').returncode == 67


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_other_users(waiting):
    to = waiting.accounts[0]['address']
    assert call(waiting, 'sendmail', '-f', 'a@client.test', to, input='Subject: by another\n\n', user=65534).returncode == 0
    text = waiting.wait_for(lambda: [t for t in (p.read_text() for p in waiting.messages()) if 'by another' in t])[0]
    assert 'uid:65534' in text
    assert call(waiting, 'postsuper', '-d', 'ALL', user=65534).returncode != 0
    assert waiting.id in call(waiting, 'mailq').stdout


# --- the queue

def test_hold_release_show(waiting):
    def mark():
        return re.search(rf'^{waiting.id}(\S?)', call(waiting, 'mailq').stdout, re.M)[1]
    assert mark() == ''
    r = call(waiting, 'postsuper', '-h', waiting.id)
    assert r.returncode == 0 and mark() == '!'
    assert r.stderr == f'postsuper: {waiting.id}: placed on hold\npostsuper: Placed on hold: 1 message\n'
    r = call(waiting, 'postsuper', '-H', '-', input=waiting.id + '\n')
    assert r.returncode == 0 and mark() != '!'
    assert r.stderr == f'postsuper: {waiting.id}: released from hold\npostsuper: Released from hold: 1 message\n'
    r = call(waiting, 'postcat', '-b', '-q', waiting.id)
    assert r.returncode == 0 and r.stdout == '\nfirst\n.second\n', r.stdout + r.stderr
    assert 'Subject: waits\n' in call(waiting, 'postcat', '-h', '-q', waiting.id).stdout
    assert '"somebody@elsewhere.test"' in waiting.tool('queue', 'show', '-e', waiting.id).stdout


def test_flush_delete(waiting):
    assert call(waiting, 'postqueue', '-f').returncode == 0
    assert call(waiting, 'postqueue', '-i', waiting.id).returncode == 0
    assert call(waiting, 'postqueue', '-s', 'elsewhere.test').returncode == 0
    assert call(waiting, 'postqueue', '-s', 'other.test').returncode == 0
    assert json.loads(call(waiting, 'postqueue', '-j').stdout)['queue_id'] == waiting.id
    assert json.loads(waiting.tool('queue', 'summary', '--json').stdout)['incoming'] == 0
    assert waiting.tool('queue', 'hold', 'aaaaaaaaaaaaa', check=False).returncode == 65
    r = call(waiting, 'postsuper', '-d', 'ALL')
    assert r.returncode == 0 and r.stderr == 'postsuper: Deleted: 1 message\n'
    assert call(waiting, 'mailq').stdout == 'Mail queue is empty\n'


@pytest.mark.parametrize('tool, args, code, text', [
    ('postqueue', [], 69, 'postqueue: fatal: usage: '), ('postqueue', ['-p', '-j'], 69, 'postqueue: fatal: usage: '),
    ('postqueue', ['-x'], 69, 'usage: '), ('postqueue', ['-p', 'extra'], 69, 'usage: '),
    ('postqueue', ['-i', 'aaaaaaaaaaaaa'], 0, ''), ('postqueue', ['-i', 'NOSUCH'], 0, ''),
    ('postsuper', ['-x'], 1, 'postsuper: fatal: usage: '), ('postsuper', ['-d'], 1, 'usage: '), ('postsuper', [], 0, ''),
    ('postsuper', ['-d', 'NOSUCH'], 0, 'postsuper: Deleted: 0 messages\n'),
    ('postsuper', ['-d', 'all'], 0, 'postsuper: Deleted: 0 messages\n'),
    ('postsuper', ['-h', 'aaaaaaaaaaaaa'], 0, 'postsuper: Placed on hold: 0 messages\n'),
    ('postsuper', ['-d', 'ALL', 'hold'], 0, 'postsuper: Deleted: 0 messages\n'),
    ('postcat', ['-q', 'NOSUCH'], 1, 'postcat: fatal: open queue file NOSUCH: No such file or directory\n'),
    ('postcat', [], 0, ''), ('mailq', ['-x'], 64, '')])
def test_what_scripts_see(waiting_on, tool, args, code, text):
    """Status and message as of Postfix 3.7, tried there."""
    r = call(waiting_on, tool, *args)
    assert r.returncode == code and r.stdout == '' and text in r.stderr and bool(r.stderr) == (tool == 'mailq' or bool(text))
    assert waiting_on.id in call(waiting_on, 'mailq').stdout


def test_some_queues_only(waiting):
    """postsuper -d ALL deferred must not touch what is held."""
    waiting.send('waits too', to=['other@elsewhere.test'])
    waiting.wait_for(lambda: len(call(waiting, 'postqueue', '-j').stdout.splitlines()) == 2)
    assert call(waiting, 'postsuper', '-h', waiting.id).returncode == 0
    assert call(waiting, 'postsuper', '-d', waiting.id, 'deferred').stderr == 'postsuper: Deleted: 0 messages\n'
    waiting.wait_for(lambda: '"deferred"' in call(waiting, 'postqueue', '-j').stdout)
    r = call(waiting, 'postsuper', '-d', 'ALL', 'deferred', 'active')
    assert r.returncode == 0 and r.stderr.endswith('postsuper: Deleted: 1 message\n')
    assert json.loads(call(waiting, 'postqueue', '-j').stdout)['queue_id'] == waiting.id
    assert call(waiting, 'postsuper', '-d', '-', 'hold', input=f'x\n\n{waiting.id}\n').stderr.endswith('Deleted: 1 message\n')


def test_postcat(waiting):
    lines = call(waiting, 'postcat', '-q', waiting.id).stdout.split('\n')
    assert lines[0] == f'*** ENVELOPE RECORDS deferred/{waiting.id} ***'
    assert 'sender: sender@client.test' in lines and 'recipient: somebody@elsewhere.test' in lines
    assert f'named_attribute: log_ident={waiting.id}' in lines
    at = lines.index(f'*** MESSAGE CONTENTS deferred/{waiting.id} ***')
    assert lines[at + 1].startswith('Received: ') and lines[-6:-3] == ['', 'first', '.second']
    assert lines[-3:] == [f'*** HEADER EXTRACTED deferred/{waiting.id} ***', f'*** MESSAGE FILE END deferred/{waiting.id} ***', '']
    parts = [call(waiting, 'postcat', o, '-q', waiting.id).stdout for o in ('-h', '-b', '-hb')]
    assert parts[0] + parts[1] == parts[2] and '***' not in parts[2] and parts[1].startswith('\n')


def test_expire_bounces(new_suite):
    suite = new_suite(conf=WAITING)
    suite.send('comes back', to=['somebody@elsewhere.test'], sender=suite.accounts[0]['address'])
    suite.wait_event('deferred')
    assert 'expire: 1 message' in suite.tool('queue', 'expire', 'ALL').stdout
    suite.wait_for(lambda: any('somebody@elsewhere.test' in p.read_text() for p in suite.messages()))


# --- the log

def test_lines_for_log_tools(new_suite):
    """What pflogsumm and fail2ban look for, by their own expressions."""
    suite = new_suite(conf='log_format = text\n' + WAITING)
    with suite.smtp_client() as s:
        s.ehlo('client.test')
        s.mail('a@client.test')
        assert s.rcpt('nobody@example.test')[0] == 550
    suite.send('fine')
    suite.send('waits', to=['somebody@elsewhere.test'])

    def lines():
        # processes send their events when they have time: none of these comes before another for sure
        text = open(suite.log).read().rpartition('\n')[0]
        wanted = ('status=deferred', 'status=sent', ' connect from', ': client=', 'nrcpt=', 'NOQUEUE: reject')
        return text if all(w in text for w in wanted) and text.count(': client=') == 2 else None
    text = suite.wait_for(lines)
    stamp = r'^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ thurn/'
    assert re.search(stamp + r'smtpd\[\d+\]: connect from unknown\[127\.0\.0\.1\]', text, re.M)
    assert re.search(stamp + r'smtpd\[\d+\]: [a-z2-7]{13}: client=(.+?)(,|$)', text, re.M)
    assert re.search(stamp + r'queue\[\d+\]: [a-z2-7]{13}: from=<([^>]*)>, size=(\d+), nrcpt=(\d+)', text, re.M)
    assert re.search(stamp + r'\S+\[\d+\]: NOQUEUE: reject: RCPT from \S+\[127\.0\.0\.1\]: 550 5\.1\.1', text, re.M)
    result = r'to=<([^>]*)>, (?:orig_to=<[^>]*>, )?relay=([^,]+), (?:conn_use=[^,]+, )?delay=([^,]+), ' \
             r'(?:delays=[^,]+, )?(?:dsn=[^,]+, )?status=(\S+)(.*)$'
    found = {m[3] for m in re.findall(result, text, re.M)}
    assert found >= {'sent', 'deferred'}, found


def test_hostile_text_stays_on_its_line(suite):
    with socket.create_connection((suite.host, suite.smtp_port)) as s:
        s.recv(1000)
        s.sendall(b'EHLO x\xff\x1b[2J\r\n')
        s.recv(1000)
        s.sendall(b'MAIL FROM:<a@\x1b[31m\xfe>\r\nQUIT\r\n')
        while s.recv(1000):
            pass
    suite.wait_event('disconnect')
    raw = open(suite.log, 'rb').read().rpartition(b'\n')[0]  # the last line may be half written
    raw.decode('utf-8')
    assert raw and not re.search(rb'[\x00-\x09\x0b-\x1f\x7f]', raw)
    for line in raw.splitlines():
        json.loads(line)


def test_rotate_and_find(suite):
    suite.send('one for the log')
    event = suite.wait_event('delivered')[-1]
    before = open(suite.log).read()
    old = pathlib.Path(suite.tool('log', 'rotate').stdout.strip())
    assert old.parent == pathlib.Path(suite.log).parent
    time.sleep(1.1)
    suite.send('another')
    suite.wait_for(lambda: os.path.exists(suite.log) and suite.logged('delivered'))
    assert old.read_text().startswith(before)
    found = suite.tool('log', 'find', event['queue']).stdout.splitlines()
    assert len(found) >= 3 and all(event['queue'] in l or event['trace'] in l for l in found)
    assert suite.tool('log', 'find', event['trace']).stdout.splitlines() == found
    said = json.loads(suite.tool('log', 'rotate', '--json', '--keep', '1').stdout)
    assert said['status'] == 0 and pathlib.Path(said['text']).exists() and not old.exists()
    assert json.loads(suite.tool('log', 'rotate', '--json', 'twice', check=False).stdout)['status'] == 64


def test_log_to_system_log(new_suite):
    with tempfile.TemporaryDirectory(prefix='thurn-test-') as top, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        os.chmod(top, 0o711)
        s.bind(f'{top}/log')
        os.chmod(f'{top}/log', 0o666)
        s.settimeout(20)
        suite = new_suite(conf=f'log_format = text\nlog_target = syslog\nlog_syslog_socket = "{top}/log"\n')
        suite.send('to the system log')
        lines = []
        while not any(b'status=sent' in l for l in lines):
            lines.append(s.recv(10000))
        assert all(re.match(rb'<(1|2)\d>\w{3} [ \d]\d [\d:]{8} thurn/\S+\[\d+\]: ', l) for l in lines), lines


# --- configuration

def test_config_show_get_check(suite):
    assert suite.tool('config', 'get', 'hostname').stdout == 'mx.example.test\n'
    assert suite.tool('config', 'get', 'listener.mx.port').stdout == f'{suite.smtp_port}\n'
    shown = suite.tool('config', 'show', '-n').stdout
    assert 'hostname = "mx.example.test"' in shown and 'log_level' not in shown
    assert 'log_level = info' in suite.tool('config', 'show', '-d').stdout
    records = [json.loads(l) for l in suite.tool('config', 'show', '--json').stdout.splitlines()]
    assert any(r['name'] == 'hostname' and r['where'].startswith('thurn.conf:') for r in records)
    r = suite.tool('config', 'check', check=False)
    assert r.returncode == 0, r.stderr


def test_what_is_shown_can_be_read(suite, tmp_path):
    conf = tmp_path / 'again.conf'
    conf.write_text(suite.tool('config', 'show').stdout)
    r = subprocess.run([suite.build / 'bin/thurn', '-c', conf, 'config', 'check'], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr


@pytest.mark.parametrize('text, fault', [
    ('alias_maps = {"hash:missing"}', 'alias_maps: missing.db: No such file'), ('alias_maps = {"x:y"}', 'not a table of a known type'),
    ('relay_domains = {"example.test"}', 'a domain has one class'), ('transport_maps = {"inline:{a=b"}', 'inline: wants')])
def test_what_lookup_refuses(suite, text, fault):
    """Known before a reload, with the place, and the reload says the same."""
    conf = pathlib.Path(suite.conf)
    good = conf.read_text()
    try:
        conf.write_text(good + text + '\n')
        place = f'thurn.conf:{len(good.splitlines()) + 1}: '
        for what in (['config', 'check'], ['config', 'check', '--json'], ['reload'], ['reload', '--json']):
            r = suite.tool(*what, check=False)
            said = json.loads(r.stdout)['text'] if '--json' in what else r.stderr
            assert r.returncode == 78 and place in said and fault in said, (what, r)
    finally:
        conf.write_text(good)
    suite.send('goes on')


def test_check_warns_of_certificates(suite, tmp_path):
    conf = tmp_path / 'thurn.conf'
    conf.write_text(pathlib.Path(suite.conf).read_text() + f'certificate b {{ certificate = "{suite.ca}" key = "/nonexistent" }}\n')
    r = suite.tool('-c', conf, 'config', 'check')
    assert r.returncode == 0 and re.match(r'warning: \S*thurn.conf:\d+: certificate b: key: /nonexistent: No such file', r.stderr)
    r = suite.tool('-c', conf, 'config', 'check', '--json')
    assert r.returncode == 0 and [json.loads(l)['level'] for l in r.stdout.splitlines()] == ['warning']


@pytest.mark.parametrize('text, fault', [
    ('hostnme = x', 'did you mean "hostname"'), ('log_format = json', 'for the second time'),
    ('smtpd_workers = 0', 'between 1 and 64'), ('listener mx { }', 'duplicate title'),
    ('listener x {', 'not closed'), ('origin = ${HOME}', 'not supported'),
    ('include "/nonexistent"', 'No such file'), ('origin = "a\\d"', 'double quotes'),
    ('LARGE', 'larger than')])
def test_faulty_reload_changes_nothing(suite, text, fault):
    conf = pathlib.Path(suite.conf)
    good = conf.read_text()
    text = 'x' * 1100000 if text == 'LARGE' else text
    try:
        conf.write_text(good + text + '\n')
        for what in ('reload', ('config', 'check')):
            r = suite.tool(*([what] if isinstance(what, str) else what), check=False)
            assert r.returncode == 78 and fault in r.stderr, r.stdout + r.stderr
            assert len(text) > 100 or f'thurn.conf:{len(good.splitlines()) + 1}: ' in r.stderr, r.stderr
    finally:
        conf.write_text(good)
    suite.send('goes on')


def test_json_of_start_stop_reload(new_suite):
    s = new_suite()

    def result(*args):
        r = s.tool(*args, '--json', check=False)
        line = json.loads(r.stdout)
        assert r.stderr == '' and line['status'] == r.returncode and set(line) == {'status', 'text'}, (args, r)
        return r.returncode, line['text']

    assert result('reload')[0] == 0
    assert result('start') == (75, 'the suite is running already')
    assert result('stop', 'now') == (64, 'usage: thurn stop [--json]')
    assert result('stop') == (0, '')
    assert result('stop')[0] == result('reload')[0] == 69 and 'not running' in result('reload')[1]
    conf = pathlib.Path(s.conf)
    before = conf.read_text()
    conf.write_text(before + 'no_such = "\\"\n')
    status, text = result('start')
    assert status == 78 and re.search(r'thurn.conf:\d+: ', text)
    conf.write_text(before)
    assert result('start') == (0, '')
    conf.write_text(before + 'no_such = 1\n')
    status, text = result('reload')
    assert status != 0 and re.search(r'thurn.conf:\d+: there is no setting', text)
    conf.write_text(before)


def test_start_and_stop_twice(suite):
    assert suite.tool('start', check=False).returncode == 75
    assert 'running already' in suite.tool('start', check=False).stderr
    other = suite.top / 'other.conf'
    other.write_text(pathlib.Path(suite.conf).read_text().replace('/run"', '/run2"'))
    r = subprocess.run([suite.build / 'bin/thurn', '-c', other, 'stop'], capture_output=True, text=True)
    assert r.returncode == 69 and 'not running' in r.stderr


def test_start_with_a_warning(new_suite):
    """What is only doubtful is said, and the suite runs."""
    suite = new_suite(conf='mailbox_uid = 1879048192\n')
    r = suite.tool('config', 'check')
    assert 'all mailboxes share one uid' in r.stdout + r.stderr
    suite.send('runs')


def test_foreground(new_suite, tmp_path):
    """As in a container: standard output is the log, readiness is told, SIGTERM ends it."""
    suite = new_suite(conf='log_target = stdout\n')
    suite.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(f'{tmp_path}/notify')
        s.settimeout(20)
        env = dict(os.environ, THURN_LIBEXEC=str(suite.build / 'libexec'), NOTIFY_SOCKET=f'{tmp_path}/notify')
        p = subprocess.Popen([suite.build / 'bin/thurn', '-c', suite.conf, 'start', '--foreground'], env=env,
                             stdout=subprocess.PIPE, text=True)
        assert s.recv(1000) == b'READY=1'
        suite.send('in the foreground')
        p.send_signal(signal.SIGTERM)
        assert s.recv(1000) == b'STOPPING=1'
        out, _ = p.communicate(timeout=30)
    assert p.returncode == 0
    names = [json.loads(l)['event'] for l in out.splitlines()]
    assert 'suite-ready' in names and 'delivered' in names and 'suite-stopping' in names
    assert suite.tool('start', check=False).returncode == 0


def test_counts_and_metrics(new_suite):
    """What the processes count, in all three forms; the events of the log among them."""
    suite = new_suite()
    suite.send('counted')

    def counts():
        return {(r['process'], k): v for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines())
                for k, v in r.get('counts', {}).items()}
    n = suite.wait_for(lambda: (c := counts()).get(('log', 'event.delivered')) == len(suite.logged('delivered')) and c)
    assert n['queue', 'accepted'] >= 1 and n['spawn', 'sessions'] == 0
    assert {'auth', 'lookup', 'notify', 'deliver-maildir', 'smtpd', 'imapd-login'} <= {process for process, _ in n}
    lines = [l.split() for l in suite.tool('status', '--counts').stdout.splitlines()]
    assert ['log', 'event.delivered', str(n['log', 'event.delivered'])] in lines
    metrics = suite.tool('status', '--metrics').stdout.splitlines()
    assert f'thurn_events_total{{event="delivered"}} {n["log", "event.delivered"]}' in metrics
    assert 'thurn_process_ready{process="queue",instance="0"} 1' in metrics
    assert 'thurn_channels_replaced_total 0' in metrics
    types = [l.split()[2] for l in metrics if l.startswith('# TYPE')]
    assert len(types) == len(set(types))
    for l in metrics:
        if not l.startswith('#'):
            name, value = re.fullmatch(r'(\w+)(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? (-?[0-9.e+]+)', l).groups()
            assert name in types and float(value) >= 0
    assert suite.tool('status', '--json', '--metrics', check=False).returncode == 64


def test_log_as_json(suite, new_suite):
    text = new_suite(conf='log_format = text\n')
    for s in (suite, text):
        s.send('as json')
        found = s.wait_for(lambda: s.tool('log', 'find', '--json', 'sender@client.test').stdout)
        assert all(isinstance(json.loads(l), dict) for l in found.splitlines())
    assert all(list(json.loads(l)) == ['line'] for l in found.splitlines())
    out = suite.top / 'followed'
    with open(out, 'w') as to:
        p = subprocess.Popen([text.build / 'bin/thurn', '-c', text.conf, 'log', 'follow', '--json'], stdout=to,
                             env=dict(os.environ, THURN_LIBEXEC=str(text.build / 'libexec')))
        text.send('followed')
        text.wait_for(lambda: any('from=<sender@client.test>' in json.loads(l)['line'] for l in out.read_text().splitlines()))
        p.terminate()
        p.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
@pytest.mark.parametrize('command', ['user list', 'tls status', 'queue flush', 'remote quirks'])
def test_strangers_are_told(suite, command):
    r = suite.tool(*command.split(), check=False, user=65534)
    assert r.returncode == 77 and r.stdout == ''
    assert r.stderr.endswith(': Only the owner of the mail system may do this\n'), r.stderr


@pytest.mark.parametrize('service, command', [('queue', 'queue list'), ('accounts', 'user list'), ('keys', 'tls status')])
def test_one_too_many_is_told(suite, service, command):
    """Not a connection that is reset; and when the others have gone all is well."""
    others = []
    try:
        for _ in range(40):
            others.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            others[-1].connect(f'{suite.run}/{service}')
        for _ in range(10):  # it is a race which of the two the kernel tells first
            r = suite.tool(*command.split(), check=False)
            assert r.returncode == 75 and r.stdout == '' and r.stderr.endswith(': Too many ask at once, try again\n'), r
    finally:
        for s in others:
            s.close()
    suite.wait_for(lambda: suite.tool(*command.split(), check=False).returncode == 0)


COMMANDS = """start|stop|reload|status|queue|user|domain|alias|auth|map|tls|dkim|explain|remote|log|config
queue list|queue summary|queue shape|queue logins|queue show|queue hold|queue release|queue requeue|queue delete|queue redirect|queue undo
queue trash|queue trash restore|queue flush|queue why|queue suspend|queue resume|queue suspended|queue sources|queue expire
user add|user list|user undo|domain list|alias set|alias list|auth test|tls check|tls policy|tls reload|tls report|tls status|dkim check
dkim record|explain dns|explain reply|explain route|remote quirks|remote quirks add|log follow|log rotate|log find|config show|config get
config check""".replace('\n', '|').split('|')


def test_help(suite):
    """Every command says how it is called, and does nothing else: it needs neither a suite nor a configuration."""
    def run(*args):
        return subprocess.run([suite.build / 'bin/thurn', '-c', '/nonexistent', *args, '--help'], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)
    for c in COMMANDS:
        for more in ([], ['--json']):
            r = run(*c.split(), *more)
            assert (r.returncode, r.stderr) == (0, '') and r.stdout.startswith('usage: thurn ' + c.split()[0]), (c, r)
    assert {l.split()[0] for l in run().stdout.splitlines() if l.startswith('  ')} == {c for c in COMMANDS if ' ' not in c}
    r = suite.tool('queue', 'hold', '--nonsense', check=False)
    assert r.returncode == 64 and r.stdout == '' and r.stderr.startswith('usage: thurn queue hold ')


@pytest.mark.parametrize('args, code, more', [
    ('queue hold aaaaaaaaaaaaa', 65, {'action': 'hold', 'count': 0, 'dry_run': False}), ('queue release', 64, {}),
    ('queue flush', 0, {'action': 'flush', 'count': 0, 'dry_run': False}), ('queue suspend', 64, {}),
    ('queue suspend --for 1h far.test', 0, {}), ('queue resume far.test', 0, {}), ('queue resume far.test', 65, {}),
    ('auth test --password-stdin user1@example.test', 77, {})])
def test_how_it_went_as_json(suite, args, code, more):
    """One object, whatever comes of it, and nothing beside it."""
    r = suite.tool(*args.split(), '--json', check=False, input='wrong\n')
    o = json.loads(r.stdout)
    assert r.returncode == code == o.pop('status') and r.stderr == '', r
    assert isinstance(o.pop('text'), str) and o == more


def test_values_as_json(suite, tmp_path):
    assert json.loads(suite.tool('config', 'get', 'mailbox_domains', '--json').stdout)['value'] == '{"example.test"}'
    (tmp_path / 'table').write_text('a b\n')
    suite.tool('map', f'hash:{tmp_path}/table')
    assert json.loads(suite.tool('map', '--json', '-q', 'a', f'hash:{tmp_path}/table').stdout) == {'a': 'b'}


def test_config_check_as_json(suite, tmp_path):
    bad = tmp_path / 'bad.conf'
    bad.write_text('smtpd_workers = 0\nlog_format = xml\n')
    r = subprocess.run([suite.build / 'bin/thurn', '-c', bad, 'config', 'check', '--json'], capture_output=True, text=True,
                       env=dict(os.environ, THURN_LIBEXEC=str(suite.build / 'libexec')))
    assert r.returncode == 78
    faults = [json.loads(l) for l in r.stdout.splitlines()]
    assert [f['level'] for f in faults] == ['fault', 'fault']
    assert ':1: smtpd_workers' in faults[0]['text'] and ':2: log_format' in faults[1]['text']
