package models

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkFind is the question that every request and every handshake asks.
func BenchmarkFind(b *testing.B) {
	db := newDB(b)
	var token Token
	for i := range 1000 {
		_, token = addLogin(b, db, addUser(b, db, fmt.Sprint("user", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Tokens.Find(b.Context(), token.ID, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	db := newDB(b)
	_, token := addLogin(b, db, addUser(b, db, "alice"))
	raw, err := db.Tickets.Issue(b.Context(), token.ID, "lobby", noon.Add(time.Hour))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Tickets.Peek(b.Context(), raw, "lobby", noon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDead is asked about the sessions of every open socket, twice a second.
func BenchmarkDead(b *testing.B) {
	db := newDB(b)
	user := addUser(b, db, "alice")
	var ids []string
	for range 10_000 {
		session, _ := addLogin(b, db, user)
		ids = append(ids, session.ID)
	}
	b.ReportAllocs()
	for b.Loop() {
		dead, err := db.Sessions.Dead(b.Context(), ids, noon)
		if err != nil || len(dead) > 0 {
			b.Fatal(dead, err)
		}
	}
}
