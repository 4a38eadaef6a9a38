package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/core/crm"
)

// tokens asks for a token as a consumer does, and for another one when Zoho refuses it.
func tokens(ctx context.Context, s *stage) (string, error) {
	if _, err := s.cloud.invoke(ctx, "refreshZohoToken", map[string]string{"source": "aws.scheduler"}); err != nil {
		return "", err
	}
	first, err := s.token(ctx, 0)
	if err != nil {
		return "", err
	}
	s.zoho.KillTokens()
	second, err := s.token(ctx, first.Version)
	if err != nil {
		return "", err
	}
	if second.Version <= first.Version {
		return "", fmt.Errorf("version %d came after %d", second.Version, first.Version)
	}
	return fmt.Sprintf("version %d; refused by Zoho: version %d", first.Version, second.Version), nil
}

// token asks getZohoToken, and Zoho whether it takes the token.
func (s *stage) token(ctx context.Context, bad int64) (crm.Access, error) {
	out, err := s.cloud.invoke(ctx, "getZohoToken", invoke.Question{V: invoke.Version, Bad: bad})
	if err != nil {
		return crm.Access{}, err
	}
	var a invoke.Answer
	if err := json.Unmarshal(out, &a); err != nil {
		return crm.Access{}, err
	}
	if a.Fault != nil {
		return crm.Access{}, a.Fault
	}
	status, err := s.askZoho(ctx, http.MethodGet, "/crm/v8/org", a.Access.Token)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the token is answered %d by Zoho", status)
	}
	return a.Access, err
}

func (s *stage) askZoho(ctx context.Context, method, path string, token crm.Secret) (int, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.zohoURL+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken "+token.Reveal())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// channel lets the schedule's function find the channel, and then none.
func channel(ctx context.Context, s *stage) (string, error) {
	renew := func() error {
		if _, err := s.cloud.invoke(ctx, "renewZohoChannel", map[string]string{"source": "aws.scheduler"}); err != nil {
			return err
		}
		all := s.zoho.Channels()
		if len(all) != 1 || len(all[0].Events) != 6 {
			return fmt.Errorf("%d channels in Zoho, want one for six kinds of event", len(all))
		}
		if left := all[0].Expiry.Sub(s.Now()); left < 5*24*time.Hour || left > 7*24*time.Hour {
			return fmt.Errorf("the channel ends in %s, want about six days", left)
		}
		return nil
	}
	if err := renew(); err != nil {
		return "", err
	}
	status, err := s.askZoho(ctx, http.MethodDelete, "/crm/v8/actions/watch?channel_ids="+s.zoho.Channels()[0].ID, crm.NewSecret(s.zoho.NewToken()))
	if err != nil || status != http.StatusOK || len(s.zoho.Channels()) != 0 {
		return "", fmt.Errorf("the channel could not be closed: %d, %w", status, err)
	}
	return "ends in six days; closed, and open again", renew()
}
