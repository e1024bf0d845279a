"""Reloads while clients come and go: nobody who has connected loses anything by it."""
import imaplib, json, pathlib, shutil, socket, threading
import conftest

RELOADS = 12


class Clients(threading.Thread):
    """One client after another, until it is told to stop; any surprise is kept."""

    def __init__(self, work):
        super().__init__()
        self.work, self.stop, self.done, self.failed = work, threading.Event(), 0, []
        self.start()

    def run(self):
        while not self.stop.is_set():
            try:
                self.work(self.done)
                self.done += 1
            except Exception as e:
                self.failed.append(repr(e))
                return


def workers(suite, role):
    return [r for r in map(json.loads, suite.tool('status', '--json', check=False).stdout.splitlines())
            if r.get('process') == role]


def reload_with(suite, text):
    pathlib.Path(suite.conf).write_text(text)
    r = suite.tool('reload', check=False)
    assert r.returncode == 0, r.stdout + r.stderr


def test_nobody_is_lost(new_suite):
    """Hundreds of connections during reloads that replace every program that can be replaced."""
    suite = new_suite()
    good = pathlib.Path(suite.conf).read_text()

    def smtp(n):
        with suite.smtp_client() as s:
            s.ehlo()
            assert s.sendmail('sender@client.test', [suite.accounts[0]['address']], f'Subject: {n}\r\n\r\nbody\r\n') == {}
            assert s.docmd('NOOP')[0] == 250

    def imap(n):
        m = imaplib.IMAP4(suite.host, suite.imap)
        m.noop()
        m.login(suite.accounts[1]['address'], suite.accounts[1]['password'])
        assert m.select()[0] == 'OK'
        m.logout()

    clients = [Clients(smtp) for _ in range(4)] + [Clients(imap) for _ in range(2)]
    for i in range(RELOADS):
        # seen by smtpd, the queue and lookup; by imapd-login; by deliver-maildir and -remote
        reload_with(suite, good + f'message_size_limit = {200 + i}k\nimap_login_timeout = {170 + i}s\n'
                                  f'maildir_threads = {10 + i}\nremote_messages = {100 + i}\nalias_depth_limit = {20 + i}\n')
        before = sum(c.done for c in clients)
        suite.wait_for(lambda: sum(c.done for c in clients) > before + 20 or any(c.failed for c in clients))
    for c in clients:
        c.stop.set()
    for c in clients:
        c.join()
    assert [c.failed for c in clients if c.failed] == []
    sent = sum(c.done for c in clients[:4])
    assert sum(c.done for c in clients) > 20 * RELOADS
    suite.wait_for(lambda: len(suite.messages()) == sent)


def test_sessions_go_on(new_suite):
    """Who is connected when the reload comes is served to the end by the old worker, also in its next message."""
    suite = new_suite()
    good = pathlib.Path(suite.conf).read_text()
    greeted = suite.smtp_client()
    greeted.ehlo()
    early = socket.create_connection((suite.host, suite.smtp))  # not greeted yet, or just so
    half = suite.smtp_client()
    half.ehlo()
    half.mail('sender@client.test')
    before_login = imaplib.IMAP4(suite.host, suite.imap)
    old = {r['pid'] for r in workers(suite, 'smtpd')}
    reload_with(suite, good + 'message_size_limit = 100k\nimap_login_timeout = 100s\nalias_depth_limit = 20\n')
    suite.wait_for(lambda: {r['pid'] for r in workers(suite, 'smtpd') if r['state'] == 'ready'}.isdisjoint(old))
    suite.wait_for(lambda: len(workers(suite, 'lookup')) == 1)  # the old one has gone, and they ask the new one
    with suite.smtp_client() as s:
        s.ehlo()
        assert s.esmtp_features['size'] == '102400'
    assert half.rcpt(suite.accounts[0]['address'])[0] == 250
    assert half.data('Subject: half\r\n\r\nbody\r\n')[0] == 250
    for n in range(2):
        assert greeted.sendmail('sender@client.test', [suite.accounts[0]['address']], f'Subject: {n}\r\n\r\nbody\r\n') == {}
    f = early.makefile('rwb')
    assert f.readline().startswith(b'220 ')
    f.write(b'QUIT\r\n')
    f.flush()
    assert f.readline().startswith(b'221 ')
    before_login.login(suite.accounts[0]['address'], suite.accounts[0]['password'])
    before_login.logout()
    assert any(r['state'] == 'retired' for r in workers(suite, 'smtpd'))
    half.quit()
    greeted.quit()
    early.close()
    suite.wait_for(lambda: not any(r['state'] == 'retired' for r in workers(suite, 'smtpd')))
    assert len(suite.messages()) == 3


def test_stop_does_not_wait_for_the_replaced():
    suite = conftest.Suite().start()
    try:
        idle = suite.smtp_client()
        idle.ehlo()
        reload_with(suite, pathlib.Path(suite.conf).read_text() + 'message_size_limit = 100k\n')
        suite.wait_for(lambda: any(r['state'] == 'retired' for r in workers(suite, 'smtpd')))
    finally:
        wrong = suite.stop()
        shutil.rmtree(suite.top)
    assert not wrong
    assert idle.noop()[0] == 421
    idle.close()
