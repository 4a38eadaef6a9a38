package rehearse

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// logs searches every line that the functions have logged.
func logs(ctx context.Context, s *stage) (string, error) {
	all, err := s.functions()
	if err != nil {
		return "", err
	}
	secrets, err := s.cloud.secrets(ctx)
	if err != nil {
		return "", err
	}
	if len(secrets) != 10 {
		return "", fmt.Errorf("%d secrets are stored, want 10", len(secrets))
	}
	access, err := s.token(ctx, 0)
	if err != nil {
		return "", err
	}
	secrets["the access token"], secrets["the grant code"], secrets["a caller's token"] = access.Token.Reveal(), grantCode, s.bearer
	for _, m := range s.whatsapp.SentMessages() { // its base64 holds the number
		s.people = append(s.people, m.ID)
	}
	count := 0
	for _, f := range all {
		own, err := s.cloud.entries(ctx, f)
		if err != nil {
			return "", err
		}
		lines, err := s.cloud.logs(ctx, f)
		if err != nil {
			return "", err
		}
		if len(lines) == 0 {
			return "", fmt.Errorf("%s never ran", f)
		}
		for _, l := range lines {
			if p := s.holds(l); p != "" {
				return "", fmt.Errorf("%s has logged %q: %s", f, p, l)
			}
			for name, secret := range secrets {
				if strings.Contains(l, secret) {
					return "", fmt.Errorf("%s has logged %s", f, name)
				}
			}
		}
		count += len(own)
	}
	return fmt.Sprintf("%d lines of %d functions; %d values searched", count, len(all), len(s.people)+len(secrets)), nil
}

// dump writes what the functions have logged beside the other logs, for whoever looks into a step that failed.
func (s *stage) dump(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	all, err := s.functions()
	for _, f := range all {
		if s.cloud == nil || err != nil {
			return
		}
		var lines []string
		if lines, err = s.cloud.logs(ctx, f); err == nil {
			err = s.note("function-"+f, []byte(strings.Join(lines, "\n")+"\n"))
		}
	}
}
