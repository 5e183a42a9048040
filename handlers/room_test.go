package handlers_test

import (
	"testing"

	"example.com/handshake/handlers/hub"
)

func TestTwoPeopleTalk(t *testing.T) {
	app := newApp(t)
	alice, bob := app.join(t, app.login(t, "alice"), "lobby"), app.join(t, app.login(t, "bob"), "lobby")
	if joined := alice.expect(t, "joined"); joined["user"] != "bob" {
		t.Errorf("joined: %v", joined)
	}
	alice.send(t, frame{"type": "message", "ref": 7, "text": "hello"})
	heard := bob.expect(t, "message")
	if heard["from"] != "alice" || heard["text"] != "hello" || heard["room"] != "lobby" || heard["at"] == "" {
		t.Errorf("message: %v", heard)
	}
	if own := alice.expect(t, "message"); own["id"] != heard["id"] {
		t.Errorf("the sender heard %v, the other %v", own, heard)
	}
	if ack := alice.expect(t, "ack"); ack["ref"] != 7.0 || ack["id"] != heard["id"] {
		t.Errorf("ack: %v", ack)
	}
	_ = bob.Close()
	if left := alice.expect(t, "left"); left["user"] != "bob" {
		t.Errorf("left: %v", left)
	}
}

func TestLogoutClosesSocket(t *testing.T) {
	app := newApp(t)
	l, other := app.login(t, "alice"), app.login(t, "alice")
	leaving, staying := app.join(t, l, "lobby"), app.join(t, other, "lobby")
	if r := app.post(t, "/api/logout", l.Token, nil); r.status != 204 {
		t.Fatalf("logout: %d %s", r.status, r.body)
	}
	leaving.expectClose(t, hub.SessionEnded)
	staying.send(t, frame{"type": "message", "text": "still here"})
	staying.expect(t, "message")
	if r := app.get(t, "/api/me", l.Token); r.status != 401 || r.code() != "invalid_token" {
		t.Errorf("the token after its logout: %d %s", r.status, r.body)
	}
}
