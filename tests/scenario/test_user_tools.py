"""thurn user, domain, alias: changes are recorded, shown, undone; many accounts at once; aliases are where mail goes."""
import csv, imaplib, io, json, os
from test_accounts import add, log_in, users


def records(suite, *args):
    return [json.loads(l) for l in suite.tool(*args, '--json').stdout.splitlines()]


def changes(suite, address):
    return [(c['what'], c['number']) for c in records(suite, 'user', 'log', address)]


def test_set_and_show(suite):
    add(suite, 'anna@example.test', 'x')
    suite.tool('user', 'set', '--quota', '10M', '--recipients-per-hour', '50', '--recipients-per-day', '500', '--send-as',
               'info@example.test,@Other.test', 'anna@example.test')
    a, = records(suite, 'user', 'show', 'anna@example.test')
    assert (a['quota'], a['recipients_per_hour'], a['recipients_per_day']) == (10 << 20, 50, 500)
    assert a['send_as'] == ['info@example.test', '@other.test']
    text = suite.tool('user', 'show', 'anna@example.test').stdout
    assert 'info@example.test' in text and '@other.test' in text
    assert suite.tool('user', 'show', 'nobody@example.test', check=False).returncode == 67
    assert suite.tool('user', 'set', '--send-as', 'no address', 'anna@example.test', check=False).returncode == 65
    assert suite.tool('user', 'set', 'anna@example.test', check=False).returncode == 64
    for command, why in ((['show', 'nobody@example.test'], 'nobody@example.test: there is no such name'),
                         (['set', '--quota', '5X', 'anna@example.test'], '--quota cannot be "5X"'),
                         (['set', '--imap', 'maybe', 'anna@example.test'], '--imap cannot be "maybe"')):
        assert suite.tool('user', *command, check=False).stderr == f'thurn user: {why}\n'


def test_log_and_undo(suite):
    u = 'bert@example.test'
    add(suite, u, 'one')
    suite.tool('user', 'passwd', '--password-stdin', u, input='two\n')
    suite.tool('user', 'disable', u)
    assert not log_in(suite, u, 'two')
    log = changes(suite, u)
    assert [w for w, _ in log] == ['disable', 'password', 'add']
    r = suite.tool('user', 'undo', str(log[1][1]), check=False)  # the account has changed since
    assert r.returncode == 73 and 'undo that first' in r.stderr
    suite.tool('user', 'undo', str(log[0][1]))
    assert log_in(suite, u, 'two')
    suite.tool('user', 'undo', str(log[1][1]))
    assert log_in(suite, u, 'one') and not log_in(suite, u, 'two')
    assert [w for w, _ in changes(suite, u)][:2] == [f'undo:{log[1][1]}', f'undo:{log[0][1]}']
    assert suite.tool('user', 'undo', '4000000', check=False).returncode == 67
    line = next(l for l in suite.tool('user', 'log', u).stdout.splitlines() if 'disable' in l)
    assert u in line and f'uid {os.geteuid()}' in line
    assert 'two' not in (suite.top / 'account/changes.log').read_text()


def test_undelete(suite):
    u = 'carl@example.test'
    add(suite, u, 'x')
    home = users(suite)[u]['home']
    suite.tool('user', 'delete', u)
    assert not log_in(suite, u, 'x')
    assert [a['address'] for a in records(suite, 'user', 'list', '--deleted')] == [u]
    suite.tool('user', 'undelete', u)
    assert log_in(suite, u, 'x') and users(suite)[u]['home'] == home
    suite.tool('user', 'delete', u)
    add(suite, u, 'y')
    assert suite.tool('user', 'undelete', u, check=False).returncode == 73
    assert log_in(suite, u, 'y')


def test_scram_that_is_not_offered(suite):
    r = suite.tool('domain', 'set', '--scram', 'on', 'other.test')
    assert r.stderr == 'thurn domain: sasl_mechanisms does not offer SCRAM, so nobody can use it yet\n'
    assert suite.tool('domain', 'set', '--scram', 'off', 'other.test').stderr == ''


def test_import_and_export(suite, tmp_path):
    text = io.StringIO()
    out = csv.writer(text, lineterminator='\n')
    out.writerow(['address', 'password', 'quota', 'send_as', 'enabled', 'imap', 'certificate'])
    out.writerow(['csv1@example.test', 'with, "quotes"', '1G', 'a@example.test b@example.test', 'yes', 'on', 'yes'])
    out.writerow(['csv2@example.test', 'y', '', '', 'no', 'off', ''])
    out.writerow(['user1@example.test', 'exists', '', '', '', '', ''])
    out.writerow(['bad address', 'x', '', '', '', '', ''])
    path = tmp_path / 'in.csv'
    path.write_text(text.getvalue() + 'a@example.test,"unfinished\nb@example.test,x\nc@example.test,x,many,,,,\nd@example.test,x,,,,maybe,\n')
    r = suite.tool('user', 'import', '--dry-run', '--json', path, check=False)
    dry = {a['address']: a['status'] for a in map(json.loads, r.stdout.splitlines())}
    assert 'csv1@example.test' not in users(suite)
    r = suite.tool('user', 'import', '--json', path, check=False)
    wet = {a['address']: a['status'] for a in map(json.loads, r.stdout.splitlines())}
    assert dry == wet == {'csv1@example.test': 0, 'csv2@example.test': 0, 'user1@example.test': 73, 'bad address': 65,
                          'line 6': 65, 'line 7': 65, 'line 8': 65, 'line 9': 65}
    assert 'line 9: its imap has to be yes or no' in suite.tool('user', 'import', '--dry-run', path, check=False).stderr
    assert log_in(suite, 'csv1@example.test', 'with, "quotes"') and not log_in(suite, 'csv2@example.test', 'y')
    one = records(suite, 'user', 'show', 'csv1@example.test')[0]
    assert one['quota'] == 1 << 30 and one['certificate'] and one['send_as'] == ['a@example.test', 'b@example.test']
    rows = list(csv.DictReader(io.StringIO(suite.tool('user', 'export').stdout)))
    row = next(r for r in rows if r['address'] == 'csv1@example.test')
    assert row['password'].startswith('{CRYPT}$') and row['quota'] == str(1 << 30) and row['send_as'] == 'a@example.test b@example.test'
    # what was exported can be imported
    again = io.StringIO()
    out = csv.DictWriter(again, row.keys(), lineterminator='\n')
    out.writeheader()
    out.writerow({**row, 'address': 'csv3@example.test'})
    suite.tool('user', 'import', '-', input=again.getvalue())
    assert log_in(suite, 'csv3@example.test', 'with, "quotes"')
    two = records(suite, 'user', 'show', 'csv3@example.test')[0]
    assert {k: v for k, v in two.items() if k not in ('address', 'home', 'uid', 'gid', 'created')} == \
        {k: v for k, v in one.items() if k not in ('address', 'home', 'uid', 'gid', 'created')}
    assert suite.tool('user', 'import', '-', input='address,colour\n', check=False).returncode == 65


def test_export_as_table(suite, tmp_path):
    suite.tool('user', 'export', '--table', f'hash:{tmp_path}/homes')
    r = suite.tool('map', '-q', 'user1@example.test', f'hash:{tmp_path}/homes')
    assert r.stdout.strip() == 'example.test/user1'


def test_aliases(suite):
    suite.tool('alias', 'set', 'info@example.test', 'user1@example.test', 'user2@example.test')
    suite.tool('alias', 'set', 'Two@example.test', 'info@example.test')
    assert records(suite, 'alias', 'show', 'two@example.test') == [{'address': 'two@example.test', 'targets': ['info@example.test']}]
    suite.send('through two aliases', to=['two@example.test'])
    for n in (0, 1):
        suite.wait_for(lambda: any('through two aliases' in p.read_text() for p in suite.messages(n)))
    assert suite.tool('alias', 'set', 'user1@example.test', 'user2@example.test', check=False).returncode == 73
    assert add(suite, 'info@example.test', 'x', check=False).returncode == 73
    suite.tool('alias', 'delete', 'two@example.test')
    assert suite.tool('alias', 'delete', 'two@example.test', check=False).returncode == 67
    with suite.smtp_client() as s:
        s.helo()
        s.mail('a@b.test')
        suite.wait_for(lambda: s.rcpt('two@example.test')[0] == 550)
    number = changes(suite, 'two@example.test')[0][1]
    suite.tool('user', 'undo', str(number))
    assert [a['address'] for a in records(suite, 'alias', 'list')] == ['info@example.test', 'two@example.test']


def test_alias_that_leads_back_bounces(suite):
    suite.tool('alias', 'set', 'loop1@example.test', 'loop2@example.test')
    suite.tool('alias', 'set', 'loop2@example.test', 'loop1@example.test')
    suite.send('loop', to=['loop1@example.test'])
    suite.wait_for(lambda: any(e['fields'].get('dsn') == '5.4.6' for e in suite.logged('bounced')))


def test_domains(suite):
    suite.tool('domain', 'set', '--scram', 'on', 'example.test', 'EXAMPLE.org')
    assert records(suite, 'domain', 'list') == [{'domain': 'example.org', 'scram': True}, {'domain': 'example.test', 'scram': True}]
    suite.tool('domain', 'set', '--scram', 'off', 'example.org')
    assert 'example.org' not in suite.tool('domain', 'list').stdout
    assert suite.tool('domain', 'set', '--scram', 'on', 'not a domain', check=False).returncode == 65


def test_undone_accounts_have_no_sessions(suite):
    add(suite, 'gone@example.test', 'x')
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    m.login('gone@example.test', 'x')
    suite.tool('user', 'undo', str(changes(suite, 'gone@example.test')[0][1]))
    assert b'BYE' in m.readline()
    m.shutdown()
    assert not log_in(suite, 'gone@example.test', 'x')


def test_nothing_touches_running_sessions(suite):
    m = suite.login()
    m.select()
    add(suite, 'new@example.test', 'x')
    suite.tool('user', 'set', '--quota', '1G', 'user1@example.test')
    suite.tool('user', 'passwd', '--password-stdin', 'new@example.test', input='y\n')
    assert m.noop()[0] == 'OK'
    m.logout()
