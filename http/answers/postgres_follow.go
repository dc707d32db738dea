package answers

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	channel     = "crm_answers"
	maxNotified = 350  // commands of one notification, whose text is below 8,000 bytes
	page        = 1000 // commands of one call of heard
)

// notifications are texts that tell the commands, in turn.
func notifications(commands []uuid.UUID) []string {
	var texts []string
	for first := 0; first < len(commands); first += maxNotified {
		some := commands[first:min(first+maxNotified, len(commands))]
		bytes := make([]byte, 0, 16*len(some))
		for _, command := range some {
			bytes = append(bytes, command[:]...)
		}
		texts = append(texts, base64.RawStdEncoding.EncodeToString(bytes))
	}
	return texts
}

func notified(text string) ([]uuid.UUID, error) {
	bytes, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(bytes)%16 != 0 {
		return nil, errors.New("answers: a notification that is none of ours")
	}
	commands := make([]uuid.UUID, len(bytes)/16)
	for i := range commands {
		commands[i] = uuid.UUID(bytes[16*i:])
	}
	return commands, nil
}

// Follow is part of [Table]. It takes a connection of its own. Postgres gives what was
// committed since LISTEN, so that reading the table afterwards misses nothing.
func (p Postgres) Follow(ctx context.Context, back time.Duration, heard func(Heard), current func()) error {
	conn, err := pgx.ConnectConfig(ctx, p.Pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("follow answers: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it goes away in any case
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("follow answers: %w", err)
	}
	if err := former(ctx, conn, back, heard); err != nil {
		return fmt.Errorf("read former answers: %w", err)
	}
	for beat := time.Now(); ; {
		if !time.Now().Before(beat) {
			if err := ping(ctx, conn); err != nil { // what was notified before has come with it
				return fmt.Errorf("follow answers: %w", err)
			}
			current()
			beat = time.Now().Add(heartbeat)
		}
		if err := next(ctx, conn, beat, heard); err != nil {
			return fmt.Errorf("follow answers: %w", err)
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	within, cancel := context.WithTimeout(ctx, trust)
	defer cancel()
	return conn.Ping(within)
}

// next waits for a notification, until then at most.
func next(ctx context.Context, conn *pgx.Conn, until time.Time, heard func(Heard)) error {
	within, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	n, err := conn.WaitForNotification(within)
	switch {
	case err != nil && ctx.Err() == nil && within.Err() != nil:
		return nil // nothing came
	case err != nil:
		return err
	}
	commands, err := notified(n.Payload)
	heard(Heard{Commands: commands})
	return err
}

// former reads what was answered so far back.
func former(ctx context.Context, conn *pgx.Conn, back time.Duration, heard func(Heard)) error {
	rows, err := conn.Query(ctx, `
		SELECT command, greatest(0, extract(epoch FROM now() - answered_at))::bigint FROM crm.answers
		WHERE answered_at > now() - $1::interval`, back)
	if err != nil {
		return err
	}
	defer rows.Close()
	var some Heard
	for rows.Next() {
		var command uuid.UUID
		var seconds int64
		if err := rows.Scan(&command, &seconds); err != nil {
			return err
		}
		ago := time.Duration(seconds) * time.Second
		if len(some.Commands) == page || ago < some.Ago || ago > some.Ago+time.Minute {
			heard(some)
			some = Heard{Commands: some.Commands[:0], Ago: ago}
		}
		some.Commands = append(some.Commands, command)
	}
	heard(some)
	return rows.Err()
}
