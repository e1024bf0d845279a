"""TLS reports (RFC 8460): sessions with hosts of MTA-STS, of DANE and of neither are counted, and told to whom it concerns."""
import base64, email, gzip, json, os, pathlib, shutil, signal, smtplib, struct, subprocess, sys, tempfile, time
import dkim, pytest
import conftest
import https_server
from dns_server import Zones
from https_server import answer
from smtp_fault_server import Hosts
from test_clock import Clock
from test_dane import context, tlsa
from test_keys import known_to_keys_alone, root_only
from test_mta_sts import PATH, SENDER, policy

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority

GOOD, OTHER, NO_TLS, OLD = '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'
WEB = 'https://reports.plain.test/in'
BOX = 'mailto:user2@example.test'
KINDS = {'rsa': ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], 'ed25519': ['ED25519']}  # a key of DKIM of each


def key_record(path, kind):
    """What the domain publishes of a key, as others make it (RFC 6376 3.6.1, RFC 8463 4)."""
    der = subprocess.run(['openssl', 'pkey', '-in', path, '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout
    return f'v=DKIM1; k={kind}; s=email:tlsrpt; p=' + base64.b64encode(der[-32:] if kind == 'ed25519' else der).decode()


class World:
    """Domains of a signed zone and of another one: what each publishes, and where it wants its reports."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-tlsrpt-'))
        self.top.chmod(0o711)
        self.ca = Authority(self.top / 'ca')
        good = self.ca.issue('mx', ['*.good.plain.test', '*.secure.test'])
        tls = lambda pair: {'tls': context(pair)}
        self.hosts = Hosts({GOOD: tls(good), OTHER: tls(self.ca.issue('other', ['elsewhere.test'])), NO_TLS: {},
                            OLD: tls(self.ca.issue('old', ['*.good.plain.test'], days=1, begins=-9))})
        self.record = tlsa(good[0])
        self.secure, self.plain, self.plans = {}, {}, {}
        self.published = {}  # selector -> record
        for kind, options in KINDS.items():
            subprocess.run(['openssl', 'genpkey', '-out', self.key(kind), '-algorithm', *options], check=True, capture_output=True)
            self.published[kind] = key_record(self.key(kind), kind)
        self.domains()
        names = ['reports.plain.test'] + [h for h, _ in self.plans if h != 'mta-sts.stranger.plain.test']
        self.web = https_server.Server(context(self.ca.issue('web', names)))
        self.web.plan.update(self.plans)
        self.web.plan['reports.plain.test', '/in'] = answer(201)
        self.plain['reports'] = 'A 127.0.0.1'

    def key(self, kind):
        return self.top / f'{kind}.pem'

    def rua(self, zone, name, *texts):
        zone[f'_smtp._tls.{name}'] = [f'TXT "{t}"' for t in texts]

    def signed(self, name, address, records, rua=BOX):
        self.secure[name] = f'MX 10 mx-{name}'
        self.secure[f'mx-{name}'] = f'A {address}'
        if records:
            self.secure[f'_{self.hosts.port}._tcp.mx-{name}'] = [f'TLSA {r}' for r in records]
        self.rua(self.secure, name, f'v=TLSRPTv1; rua={rua}')

    def unsigned(self, name, address, text=None, *rua):
        self.plain[name] = f'MX 10 {name}.good'
        self.plain[f'{name}.good'] = f'A {address}'
        self.rua(self.plain, name, *(rua or [f'v=TLSRPTv1;rua={BOX}']))
        if text is not None:
            self.sts(self.plain, f'{name}', 'plain.test', text)

    def sts(self, zone, name, parent, text):
        zone[f'_mta-sts.{name}'] = 'TXT "v=STSv1; id=1;"'
        zone[f'mta-sts.{name}'] = 'A 127.0.0.1'
        self.plans[f'mta-sts.{name}.{parent}', PATH] = text if isinstance(text, bytes) else answer(200, text)

    def domains(self):
        self.signed('dane', GOOD, [self.record], f'{BOX},{WEB}')
        self.signed('wrong', GOOD, ['3 1 1 ' + 'ab' * 32])
        self.signed('odd', OTHER, ['3 1 1 abcd'])
        self.signed('bogus', GOOD, ['3 1 1 ' + '66' * 32])
        self.signed('only', GOOD, None)
        # both: TLSA records count more than a policy, unless none of them can be used
        for name, records, hosts in (('both', [self.record], 'elsewhere.test'), ('both-wrong', ['3 1 1 ' + 'ab' * 32], '*.secure.test'),
                                     ('both-odd', ['3 1 1 abcd'], 'elsewhere.test'), ('both-good', ['3 1 1 abcd'], '*.secure.test')):
            self.signed(name, GOOD, records)
            self.sts(self.secure, name, 'secure.test', policy('enforce', hosts))
        hosts = '*.good.plain.test'
        self.unsigned('kept', GOOD, policy('enforce', hosts))
        self.unsigned('name', OTHER, policy('enforce', hosts))
        self.unsigned('expired', OLD, policy('testing', hosts))
        self.unsigned('testing', OTHER, policy('testing', hosts))
        self.unsigned('unnamed', GOOD, policy('enforce', 'elsewhere.test'))
        self.unsigned('no-tls', NO_TLS, policy('testing', hosts))
        self.unsigned('nonsense', GOOD, 'nonsense')
        self.unsigned('missing', GOOD, answer(404))
        self.unsigned('stranger', GOOD, policy('enforce', hosts))
        self.unsigned('nothing', GOOD)
        self.unsigned('nothing-plain', NO_TLS)
        # who is not sent any
        self.unsigned('silent', GOOD, None, 'v=spf1 -all')
        self.unsigned('several', GOOD, None, f'v=TLSRPTv1; rua={BOX}', f'v=TLSRPTv1; rua={WEB}')
        self.unsigned('malformed', GOOD, None, 'v=TLSRPTv1; rua')
        self.unsigned('odd-place', GOOD, None, 'v=TLSRPTv1; rua=ftp://x.test/,mailto:a@b.test?cc=c@d.test,mailto:%0a@b.test')
        # for tests of their own
        self.unsigned('busy', GOOD, None, f'v=TLSRPTv1; rua=mailto:user3@example.test,{WEB}-busy')
        self.unsigned('stall', GOOD, None, f'v=TLSRPTv1; rua={WEB}-stall')
        self.unsigned('taken', GOOD, None, f'v=TLSRPTv1; rua=mailto:user3@example.test,{WEB}-taken')
        self.unsigned('keyless', GOOD)
        self.unsigned('day', GOOD, None, 'v=TLSRPTv1; rua=mailto:user2@example.test')

    def zones(self):
        own = {f'{k}._domainkey': 'TXT ' + ' '.join(f'"{r[i:i + 250]}"' for i in range(0, len(r), 250))
               for k, r in self.published.items()}
        return Zones({'.': {}, 'secure.test': self.secure, 'plain.test': self.plain, 'example.test': own}, signed=['.', 'secure.test'],
                     tamper={'secure.test': lambda t: t.replace('66' * 32, '67' * 32)})

    def configuration(self, zones):
        return zones.settings() + f'''
minimal_backoff = 300s
remote_port = {self.hosts.port}
remote_ports = {{{self.hosts.port}}}
remote_tls_policy = {{"inline:{{only.secure.test=dane-only, fixed.plain.test=may}}"}}
remote_idle_time = 0s
tls_ca_file = "{self.ca.path}"
fetch_port = {self.web.port}
fetch_ports = {{{self.web.port}}}
fetch_private_networks = {{"127.0.0.1"}}
tls_reports = yes
tls_report_organization = "Thurn und Taxis"
tls_report_contact = "postmaster@example.test"
tls_report_sender = "reports@example.test"
''' + ''.join(f'dkim {k} {{\n  domain = example.test\n  selector = {k}\n  key = "{self.key(k)}"\n}}\n' for k in KINDS)

    def close(self):
        self.hosts.close()
        self.web.close()
        shutil.rmtree(self.top)


@pytest.fixture(scope='module')
def world():
    w = World()
    yield w
    w.close()


@pytest.fixture(scope='module')
def zones(world):
    with world.zones() as z:
        yield z


@pytest.fixture(scope='module')
def suite(world, zones):
    with conftest.running(users=3, conf=world.configuration(zones)) as s:
        yield s


def send(suite, *domains, who='x'):
    """A message to each, and what becomes of it."""
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as c:
        for d in domains:
            c.sendmail(SENDER, [f'{who}@{d}'], f'Subject: {d}\r\n\r\nbody\r\n')
    for d in domains:
        suite.outcome(f'{who}@{d}')


def counted(suite, domain):
    r = suite.tool('tls', '--json', 'report', 'show', domain, check=False)
    return [json.loads(l) for l in r.stdout.splitlines()]


def sums(suite, domain):
    return [(r['good'], r['bad']) for r in counted(suite, domain)]


def by_mail(suite, n, domain):
    """Reports about that domain in the mailbox of the nth user, as messages."""
    all = [email.message_from_bytes(p.read_bytes()) for p in suite.messages(n)]
    return [m for m in all if m['TLS-Report-Domain'] == domain]


def parsed(message):
    words, part = message.get_payload()
    assert message.get_content_type() == 'multipart/report' and message.get_param('report-type') == 'tlsrpt'
    assert words.get_content_type() == 'text/plain' and part.get_content_type() == 'application/tlsrpt+gzip'
    return json.loads(gzip.decompress(part.get_payload(decode=True)))


# domain -> policy type, policy domain, sessions that were good, and of which kind a bad one is, and what the reason says
EXPECTED = {
    'dane.secure.test': ('tlsa', 'mx-dane.secure.test', 1, None, ''),
    'wrong.secure.test': ('tlsa', 'mx-wrong.secure.test', 0, 'certificate-not-trusted', 'no matching DANE TLSA records'),
    'odd.secure.test': ('tlsa', 'mx-odd.secure.test', 0, 'tlsa-invalid', ''),
    'bogus.secure.test': ('tlsa', 'bogus.secure.test', 0, 'dnssec-invalid', 'bogus'),
    'only.secure.test': ('tlsa', 'only.secure.test', 0, 'dane-required', 'no secure TLSA records'),
    'both.secure.test': ('tlsa', 'mx-both.secure.test', 1, None, ''),
    'both-wrong.secure.test': ('tlsa', 'mx-both-wrong.secure.test', 0, 'certificate-not-trusted', 'no matching DANE TLSA records'),
    'both-odd.secure.test': ('sts', 'both-odd.secure.test', 0, 'validation-failure', 'not among the hosts'),
    'both-good.secure.test': ('sts', 'both-good.secure.test', 1, None, ''),
    'kept.plain.test': ('sts', 'kept.plain.test', 1, None, ''),
    'name.plain.test': ('sts', 'name.plain.test', 0, 'certificate-host-mismatch', 'other names'),
    'expired.plain.test': ('sts', 'expired.plain.test', 0, 'certificate-expired', 'expired'),
    'testing.plain.test': ('sts', 'testing.plain.test', 0, 'certificate-host-mismatch', 'other names'),
    'unnamed.plain.test': ('sts', 'unnamed.plain.test', 0, 'validation-failure', 'not among the hosts'),
    'no-tls.plain.test': ('sts', 'no-tls.plain.test', 0, 'starttls-not-supported', ''),
    'nonsense.plain.test': ('sts', 'nonsense.plain.test', 0, 'sts-policy-invalid', ''),
    'missing.plain.test': ('sts', 'missing.plain.test', 0, 'sts-policy-fetch-error', ''),
    'stranger.plain.test': ('sts', 'stranger.plain.test', 0, 'sts-webpki-invalid', ''),
    'nothing.plain.test': ('no-policy-found', 'nothing.plain.test', 1, None, ''),
    'nothing-plain.plain.test': ('no-policy-found', 'nothing-plain.plain.test', 0, 'starttls-not-supported', ''),
}
UNWANTED = [f'{d}.plain.test' for d in ('silent', 'several', 'malformed', 'odd-place')]


@pytest.fixture(scope='module')
def reports(suite):
    """Domain -> message, when all that were counted have been reported."""
    send(suite, *EXPECTED, *UNWANTED)
    suite.wait_for(lambda: all(counted(suite, d) for d in (*EXPECTED, *UNWANTED)))
    assert all(sums(suite, d) == [(w[2], w[3] is not None)] for d, w in EXPECTED.items())
    text = suite.tool('tls', 'report').stdout
    assert 'wrong.secure.test since ' in text and ' 00:00:00: 0 good, 1 bad' in text
    text = suite.tool('tls', 'report', 'show', 'name.plain.test').stdout
    assert '1 certificate-host-mismatch at name.good.plain.test [127.0.0.3]: the certificate is for other names' in text
    suite.tool('tls', 'report', 'send', '--all')
    suite.wait_for(lambda: all(by_mail(suite, 1, d) for d in EXPECTED), 60)
    return {d: by_mail(suite, 1, d) for d in EXPECTED}


@pytest.mark.parametrize('domain', EXPECTED)
def test_report(suite, world, reports, domain):
    kind, of, good, failure, reason = EXPECTED[domain]
    message, = reports[domain]
    report = parsed(message)
    assert report['organization-name'] == 'Thurn und Taxis' and report['contact-info'] == 'postmaster@example.test'
    assert report['date-range']['start-datetime'].endswith('T00:00:00Z')
    assert report['report-id'] in message['Subject'] and domain in report['report-id']
    one, = report['policies']
    assert (one['policy']['policy-type'], one['policy']['policy-domain']) == (kind, of)
    assert one['summary'] == {'total-successful-session-count': good, 'total-failure-session-count': int(failure is not None)}
    details = one.get('failure-details', [])
    assert [d['result-type'] for d in details] == ([failure] if failure else [])
    for d in details:
        assert d['failed-session-count'] == 1 and reason in d.get('failure-reason-code', '')
        assert d['receiving-mx-hostname'].endswith(('.good.plain.test', '.secure.test'))
        assert ('receiving-ip' in d) == ('sending-mta-ip' in d) == (domain not in
                                                                     ('bogus.secure.test', 'only.secure.test', 'unnamed.plain.test', 'both-odd.secure.test'))


def test_dane_before_mta_sts(suite, world, reports):
    """A policy is not even looked for where TLSA records tell who it is."""
    def outcome(domain):
        e = suite.outcome(f'x@{domain}')
        return e['tls'].rpartition(' ')[2] if e['event'] == 'delivered' else e['dsn']
    assert [outcome(f'{d}.secure.test') for d in ('both', 'both-wrong', 'both-odd', 'both-good')] == ['dane', '4.7.5', '4.7.5', 'verified']
    asked = [r.host for r in world.web.requests]
    assert 'mta-sts.both.secure.test' not in asked and 'mta-sts.both-wrong.secure.test' not in asked
    assert asked.count('mta-sts.both-odd.secure.test') == asked.count('mta-sts.both-good.secure.test') == 1


def test_policies_in_words(reports, world):
    strings = lambda d: parsed(reports[d][0])['policies'][0]['policy'].get('policy-string')
    assert [s.lower() for s in strings('dane.secure.test')] == [world.record]
    assert strings('kept.plain.test') == ['version: STSv1', 'mode: enforce', 'mx: *.good.plain.test', 'max_age: 86400']
    assert parsed(reports['kept.plain.test'][0])['policies'][0]['policy']['mx-host'] == ['*.good.plain.test']
    assert strings('nothing.plain.test') is None and strings('missing.plain.test') is None


def test_message(suite, reports):
    m, = reports['dane.secure.test']
    assert m['TLS-Report-Submitter'] and m['From'] == '<reports@example.test>' and m['Return-Path'] == '<reports@example.test>'
    assert m['TLS-Required'] == 'No' and m['Auto-Submitted'] == 'auto-generated' and m['To'] == '<user2@example.test>'
    assert m.get_payload(1).get_filename().endswith('.json.gz')
    assert '!dane.secure.test!' in m.get_payload(1).get_filename()


def raw(message):
    return message.as_bytes(policy=message.policy.clone(linesep='\r\n', max_line_length=None))


def test_signatures(suite, world, reports):
    """By dkimpy, as RFC 8460 3 has it: the key's record is one for reports. It knows no lists of services there."""
    answer = lambda name, timeout=5: world.published[name.decode().partition('._')[0]].replace('email:', '').encode()

    def verifies(text, i):
        try:
            return dkim.DKIM(text, tlsrpt='strict').verify(i, dnsfunc=answer)
        except dkim.ValidationError:
            return False
    for m in (reports['dane.secure.test'][0], reports['nothing.plain.test'][0]):
        fields = m.get_all('DKIM-Signature')
        assert len(fields) == len(KINDS) and all(max(map(len, f.splitlines())) <= 78 for f in fields)
        good = raw(m)
        changed = {'the body': good.replace(b'This is a report', b'That is a report'), 'a field': good.replace(b'Submitter: ', b'Submitter: x', 1),
                   'another From': b'From: <x@example.test>\r\n' + good, 'a Reply-To': b'Reply-To: <x@y.test>\r\n' + good}
        for i in range(len(fields)):
            assert verifies(good, i), fields[i]
            for what, text in changed.items():
                assert text != good and not verifies(text, i), what


VERIFIER = '''
use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS::Resolver;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0]));
my $v = Mail::DKIM::Verifier->new; binmode STDIN; local $/; $v->PRINT(<STDIN>); $v->CLOSE;
print $_->selector, ' ', $_->result_detail, "\\n" for $v->signatures;
'''


def test_signatures_by_dns(zones, reports):
    """By Mail::DKIM, which has the record from DNS. It knows no Ed25519."""
    r = subprocess.run(['perl', '-e', VERIFIER, str(zones.port)], input=raw(reports['dane.secure.test'][0]), capture_output=True, check=True)
    assert b'rsa pass' in r.stdout.splitlines(), r


@root_only
def test_key_bytes_are_in_one_process_only(suite, world, reports):
    known_to_keys_alone(suite, world.key('rsa'))


def test_their_keys(suite, world):
    assert [json.loads(l)['record'] for l in suite.tool('dkim', 'record', '--json').stdout.splitlines()] == list(world.published.values())
    zone = suite.tool('dkim', 'record', 'ed25519').stdout
    assert zone == f'ed25519._domainkey.example.test. IN TXT (\n\t"{world.published["ed25519"]}" )\n'
    assert 'RSA 2048 bits' in suite.tool('dkim', 'status').stdout
    assert suite.tool('dkim', 'check').stdout.count(': published\n') == len(KINDS)


def test_keys_are_looked_at_again(suite, world):
    """One that is none does not take the place of the one in use; another one does, and its record is missed."""
    old, path = world.key('rsa').read_text(), world.key('rsa')
    for text, fault in (('nonsense', 'holds no private key'), (None, '')):
        if text is None:
            subprocess.run(['openssl', 'genpkey', '-out', path, '-algorithm', *KINDS['rsa']], check=True, capture_output=True)
        else:
            path.write_text(text)
        suite.tool('tls', 'reload')
        r = suite.tool('dkim', 'status', 'rsa', '--json', check=False)
        assert r.returncode == (65 if fault else 0)
        state = json.loads(r.stdout)
        assert fault in state['fault'] and state['in_use'] and (state['record'] == world.published['rsa']) == bool(fault)
    r = suite.tool('dkim', 'check', check=False)
    assert r.returncode == 65 and 'record of another key' in r.stdout and r.stdout.count('published') == 1
    path.write_text(old)
    suite.tool('tls', 'reload')
    assert suite.tool('dkim', 'check').stdout.count(': published\n') == len(KINDS)


def test_none_goes_out_unsigned(suite, world):
    """Who would get it had to ignore it; it waits for a key, for as long as for other troubles."""
    domain, conf = 'keyless.plain.test', pathlib.Path(suite.conf)
    text = conf.read_text()
    conf.write_text(text.replace('domain = example.test', 'domain = other.test'))
    assert 'no report goes by mail' in suite.tool('config', 'check').stderr
    suite.tool('reload')
    send(suite, domain)
    suite.wait_for(lambda: counted(suite, domain))
    suite.tool('tls', 'report', 'send', domain)
    failed = suite.wait_for(lambda: [e['fields'] for e in suite.events('tls-report-failed') if e['fields']['domain'] == domain])
    assert failed[0]['why'] == 'no section dkim has a key for tls_report_sender'
    assert by_mail(suite, 1, domain) == []
    conf.write_text(text)
    suite.tool('reload')
    suite.wait_for(lambda: [r for r in counted(suite, domain) if r['due'] > time.time() + 3000])
    suite.tool('tls', 'report', 'send', domain)
    message, = suite.wait_for(lambda: by_mail(suite, 1, domain))
    assert len(message.get_all('DKIM-Signature')) == len(KINDS)


def test_by_https(suite, world, reports):
    """The same report also goes there, once."""
    posted = suite.wait_for(lambda: [r for r in world.web.requests if r.path == '/in'])
    assert len(posted) == 1 and posted[0].method == 'POST' and posted[0].headers['content-type'] == 'application/tlsrpt+gzip'
    assert json.loads(gzip.decompress(posted[0].body)) == parsed(reports['dane.secure.test'][0])


def test_who_does_not_want_any(suite, world, reports):
    for d in UNWANTED:
        suite.wait_for(lambda: counted(suite, d) == [])
        assert by_mail(suite, 1, d) == []
    # nor were there sessions for the reports themselves
    assert 'example.test' not in suite.tool('tls', 'report').stdout


def test_nothing_is_reported_twice(suite, world):
    """A place that fails is asked again, the other one is not; and the rest of the day is a report of its own."""
    world.web.plan['reports.plain.test', '/in-busy'] = answer(503)
    posts = lambda: [json.loads(gzip.decompress(r.body)) for r in world.web.requests if r.path == '/in-busy']
    send(suite, 'busy.plain.test')
    suite.wait_for(lambda: counted(suite, 'busy.plain.test'))
    suite.tool('tls', 'report', 'send', 'busy.plain.test')
    suite.wait_for(lambda: len(posts()) == 1 and by_mail(suite, 2, 'busy.plain.test'))
    waiting, = suite.wait_for(lambda: [r for r in counted(suite, 'busy.plain.test') if r['due'] > time.time() + 3000])
    # over a restart
    suite.tool('stop')
    suite.tool('start')
    assert counted(suite, 'busy.plain.test') == [waiting]
    world.web.plan['reports.plain.test', '/in-busy'] = answer(200)
    send(suite, 'busy.plain.test', who='y')
    suite.wait_for(lambda: len(counted(suite, 'busy.plain.test')) == 2)
    suite.tool('tls', 'report', 'send', 'busy.plain.test')
    suite.wait_for(lambda: len(posts()) == 3 and len(by_mail(suite, 2, 'busy.plain.test')) == 2)
    suite.wait_for(lambda: counted(suite, 'busy.plain.test') == [])
    again = [p for p in posts()[1:] if p == posts()[0]]
    assert len(again) == 1
    first, = again
    second, = [p for p in posts() if p != first]
    assert second['date-range']['start-datetime'] > first['date-range']['end-datetime']
    assert [p['summary']['total-successful-session-count'] for r in (first, second) for p in r['policies']] == [1, 1]


def test_nobody_else_is_sent_one(suite, world):
    """What services/policy says is wanted, it may have been made to say: the queue looks for itself."""
    domain = 'taken.plain.test'
    world.web.plan['reports.plain.test', '/in-taken'] = answer(503)
    send(suite, domain)
    suite.wait_for(lambda: counted(suite, domain))
    suite.tool('tls', 'report', 'send', domain)
    suite.wait_for(lambda: by_mail(suite, 2, domain) and [r for r in counted(suite, domain) if r['due'] > time.time() + 3000])
    file, = pathlib.Path(suite.top).rglob('reports.mdb')
    suite.tool('stop')
    done, other = b'mailto:user3@example.test\x02', b'mailto:user1@example.test\x00'  # RUA_DONE, RUA_TODO
    kept = file.read_bytes()
    assert done in kept
    file.write_bytes(kept.replace(done, other))
    suite.tool('start')
    suite.tool('tls', 'report', 'send', domain)
    refused = lambda: [e for e in suite.events('tls-report-failed') if e['fields']['to'] == other[:-1].decode()]
    assert 'wants no reports mailed there' in suite.wait_for(refused)[0]['fields']['why']
    assert by_mail(suite, 0, domain) == []


def test_a_crash(suite, world):
    """What was counted some seconds ago outlives the process."""
    file, = pathlib.Path(suite.top).rglob('reports.mdb')
    send(suite, 'nothing.plain.test', who='crash')
    suite.wait_for(lambda: sums(suite, 'nothing.plain.test') == [(1, 0)])
    key = struct.pack('!q', counted(suite, 'nothing.plain.test')[0]['begin']) + b'nothing.plain.test'
    suite.wait_for(lambda: key in file.read_bytes())
    pids = lambda: [p['pid'] for p in status(suite) if p.get('process') == 'policy' and p['state'] == 'ready']
    pid, = pids()
    os.kill(pid, signal.SIGKILL)
    suite.wait_for(lambda: pids() and pids() != [pid])
    suite.wait_for(lambda: sums(suite, 'nothing.plain.test') == [(1, 0)])
    # nor is it sent twice what perhaps has arrived
    world.web.plan['reports.plain.test', '/in-stall'] = world.web.stall
    posts = lambda: len([r for r in world.web.requests if r.path == '/in-stall'])
    send(suite, 'stall.plain.test')
    suite.wait_for(lambda: counted(suite, 'stall.plain.test'))
    suite.tool('tls', 'report', 'send', 'stall.plain.test')
    suite.wait_for(posts)
    pid, = pids()
    os.kill(pid, signal.SIGKILL)
    world.web.plan['reports.plain.test', '/in-stall'] = answer(200)
    unknown, = suite.wait_event('tls-report-unknown')
    assert unknown['fields'] == {'domain': 'stall.plain.test', 'to': f'{WEB}-stall'} and posts() == 1
    suite.wait_for(lambda: pids() and counted(suite, 'stall.plain.test') == [])
    suite.tool('stop')  # that it was started again is forgotten
    suite.tool('start')


def status(suite):
    return [json.loads(l) for l in suite.tool('status', '--json', check=False).stdout.splitlines()]


def test_usage(suite):
    assert suite.tool('tls', 'report', 'show', 'unknown.test', check=False).returncode == 65
    assert suite.tool('tls', 'report', 'nonsense', check=False).returncode == 64
    assert suite.tool('tls', 'report', 'send', check=False).returncode == 64


def test_the_end_of_a_day(world, zones, tmp_path):
    """Nobody asks: the day is over, and its report goes out."""
    for p in (tmp_path, *list(tmp_path.parents)[:2]):
        p.chmod(0o755)
    clock = Clock(tmp_path)
    conf = world.configuration(zones) + 'tls_report_spread = 0s\ndns_validation = no\nremote_tls_policy = {"inline:{}"}\n'
    conf = '\n'.join(l for l in conf.splitlines() if not l.startswith(('dns_trust', 'remote_tls_policy')))
    with conftest.running(build=clock.build, conf=conf) as s:
        send(s, 'day.plain.test')
        s.wait_for(lambda: counted(s, 'day.plain.test'))
        day = counted(s, 'day.plain.test')[0]['begin']
        clock.set(86400)
        message, = s.wait_for(lambda: by_mail(s, 1, 'day.plain.test'))
        report = parsed(message)
        stamp = lambda t: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(t))
        assert report['date-range'] == {'start-datetime': stamp(day), 'end-datetime': stamp(day + 86399)}
        s.wait_for(lambda: counted(s, 'day.plain.test') == [])
