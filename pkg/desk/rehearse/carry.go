package rehearse

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"crm-connector/pkg/core/crm"
)

func creation(ctx context.Context, s *stage) (string, error) {
	before, began := s.writes(), s.Now()
	id, err := s.person("Ludovica", "Montefalco")
	if err != nil {
		return "", err
	}
	var z string
	err = until(ctx, soon, func(context.Context) error {
		z, err = s.twin(crm.Contacts, id)
		return err
	})
	if err != nil {
		return "", err
	}
	took := s.Now().Sub(began)
	if err := errors.Join(s.quiet(ctx), s.zohoShows(z, props{"First_Name": "Ludovica", "Last_Name": "Montefalco", "Email": "ludovica.montefalco@example.com"})); err != nil {
		return "", err
	}
	s.hubspotID, s.zohoID = id, z
	return fmt.Sprintf("there after %s; writes: 1 to Zoho, 0 to HubSpot", seconds(took)), s.wrote(before, 0, 1)
}

func change(ctx context.Context, s *stage) (string, error) {
	before, began := s.writes(), s.Now()
	if err := s.zohoEdit(s.zohoID, props{"Title": "Archivista capo"}); err != nil {
		return "", err
	}
	err := until(ctx, soon, func(context.Context) error { return s.hubspotShows(s.hubspotID, props{"jobtitle": "Archivista capo"}) })
	took := s.Now().Sub(began)
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("there after %s; writes: 1 to HubSpot, 0 to Zoho", seconds(took)), s.wrote(before, 1, 0)
}

// carries changes the contact of the story once more in each CRM and waits for the other.
func (s *stage) carries(ctx context.Context) error {
	if err := s.zohoEdit(s.zohoID, props{"Title": "Direttrice"}); err != nil {
		return err
	}
	err := until(ctx, soon, func(context.Context) error { return s.hubspotShows(s.hubspotID, props{"jobtitle": "Direttrice"}) })
	if err := errors.Join(err, s.quiet(ctx), s.hubspotEdit(s.hubspotID, props{"jobtitle": "Presidente"})); err != nil {
		return err
	}
	err = until(ctx, soon, func(context.Context) error { return s.zohoShows(s.zohoID, props{"Title": "Presidente"}) })
	return errors.Join(err, s.quiet(ctx))
}

func company(ctx context.Context, s *stage) (string, error) {
	firm, err := s.hubspot.Create(crm.Companies, s.remember(props{"name": "Vetreria Sanseverino Srl", "domain": "sanseverino.example", "city": "Torino"}))
	if err != nil {
		return "", err
	}
	var people []string
	for _, name := range []string{"Galvani", "Pellegrini", "Ravizza"} {
		id, err := s.person("Tancredi", name)
		if err == nil {
			err = s.hubspot.SetCompany(id, firm)
		}
		if err != nil {
			return "", err
		}
		people = append(people, id)
	}
	err = until(ctx, soon, func(context.Context) error {
		account, err := s.twin(crm.Companies, firm)
		if err != nil {
			return err
		}
		for _, id := range people {
			z, err := s.twin(crm.Contacts, id)
			if err == nil {
				err = s.zohoShows(z, props{"Account_Name": account})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.quiet(ctx)); err != nil {
		return "", err
	}
	s.firmID = firm
	s.accountID, err = s.twin(crm.Companies, firm)
	return fmt.Sprintf("1 account, %d contacts in it", len(people)), err
}

// duplicates makes the last deliveries of both CRMs ten times more.
func duplicates(ctx context.Context, s *stage) (string, error) {
	before, made := s.writes(), 0
	for _, path := range []string{hubspotPath, zohoPath} {
		all := s.domain.made(path)
		for _, v := range all[max(0, len(all)-3):] {
			for range 10 {
				if err := s.expect(ctx, "a delivery again", http.MethodPost, path, v, http.StatusOK); err != nil {
					return "", err
				}
				made++
			}
		}
	}
	if err := s.quiet(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d deliveries again, no write", made), s.wrote(before, 0, 0)
}
