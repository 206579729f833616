package alert

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"strongroom"
	"strongroom/people"
	"strongroom/vault"
)

// devicesMost bounds the devices of one person.
const devicesMost = 8

// pushServices are those of the browsers that people have. What somebody adds for
// themselves goes there and nowhere else, so that no subscription that was made up has this
// server knock at another's door.
var pushServices = []string{"fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com"}

func pushService(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" && slices.ContainsFunc(pushServices, func(host string) bool {
		return u.Hostname() == host || strings.HasSuffix(u.Hostname(), "."+host)
	})
}

// DeviceKey answers the public key with which a browser subscribes to this room's
// messages, and makes it where the room has none yet.
func (d *Desk) DeviceKey(ctx context.Context, c vault.Caller) (string, error) {
	if err := d.Room.ReadAlerts(ctx, c, "the key for push services"); err != nil {
		return "", err
	}
	if err := d.ensureVAPID(ctx, c, d.Room.PutOwnAlertSetting); err != nil {
		return "", err
	}
	setup, err := SetupOf(ctx, d.Room)
	return setup.VAPID.Public, err
}

// Devices are the caller's own, without what is secret of them but for their names.
func (d *Desk) Devices(ctx context.Context, c vault.Caller) ([]Channel, error) {
	mine, err := d.devices(ctx, c)
	for i := range mine {
		mine[i].P256dh, mine[i].Auth, mine[i].URL = "", "", mine[i].Address()
	}
	return mine, err
}

func (d *Desk) devices(ctx context.Context, c vault.Caller) ([]Channel, error) {
	setup, err := SetupOf(ctx, d.Room)
	var mine []Channel
	for _, ch := range setup.Channels {
		if ch.Owner == c.Principal.ID && !ch.Owner.IsZero() && ch.Retired.IsZero() {
			mine = append(mine, ch)
		}
	}
	return mine, err
}

// AddDevice has a device of the caller's told of alerts: a channel of its own, which a
// rota may name. A device that subscribes anew takes the place of itself.
func (d *Desk) AddDevice(ctx context.Context, c vault.Caller, ch Channel) (Channel, error) {
	if ch.Language != English && ch.Language != French {
		return ch, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "messages are in en or fr"}
	}
	ch = Channel{Kind: WebPush, Language: ch.Language, URL: ch.URL, P256dh: ch.P256dh, Auth: ch.Auth, Owner: c.Principal.ID, Device: people.CleanLine(ch.Device, 64)}
	if len(ch.URL) > 2048 || len(ch.P256dh) > 256 || len(ch.Auth) > 256 {
		return ch, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "this is no push subscription"}
	}
	if !pushService(ch.URL) {
		return ch, &strongroom.Error{Kind: strongroom.KindInvalid, Message: "this browser's push service is none of those known here", Hint: "whoever manages alerts can add it as a channel"}
	}
	if err := d.Check(ch); err != nil {
		return ch, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("this device cannot be told: %v", err)}
	}
	mine, err := d.devices(ctx, c)
	if err != nil {
		return ch, err
	}
	there := 0
	for _, m := range mine {
		if m.URL != ch.URL {
			there++
			continue
		}
		if m.P256dh == ch.P256dh && m.Auth == ch.Auth && m.Language == ch.Language {
			return m, nil
		}
		if err := d.Room.RemoveOwnAlertSetting(ctx, c, settingChannel, m.Name); err != nil {
			return ch, err
		}
	}
	if there >= devicesMost {
		return ch, &strongroom.Error{Kind: strongroom.KindInvalid, Message: fmt.Sprintf("%d devices of yours are told already", there), Hint: "take one away first"}
	}
	var b [3]byte
	rand.Read(b[:])
	ch.Name = deviceName(c.Principal.Name) + "-" + hex.EncodeToString(b[:])
	body, err := json.Marshal(ch)
	if err != nil {
		return ch, err
	}
	return ch, d.Room.PutOwnAlertSetting(ctx, c, vault.AlertSetting{What: settingChannel, Name: ch.Name, Body: body})
}

// deviceName makes of a person's name what a channel's may be.
func deviceName(name string) string {
	name = strings.Map(func(r rune) rune {
		if nameForm(string(r)) {
			return r
		}
		return '-'
	}, name)
	return name[:min(len(name), 48)]
}

// RemoveDevice has a device of the caller's told no more.
func (d *Desk) RemoveDevice(ctx context.Context, c vault.Caller, name string) error {
	mine, err := d.devices(ctx, c)
	if err != nil {
		return err
	}
	for _, m := range mine {
		if m.Name == name {
			return d.Room.RemoveOwnAlertSetting(ctx, c, settingChannel, name)
		}
	}
	return &strongroom.Error{Kind: strongroom.KindInvalid, Message: "this is no device of yours"}
}
