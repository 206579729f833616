package console

import (
	"net/http"

	"strongroom"
	"strongroom/alert"
)

func deviceSection() section {
	return section{name: "devices", routes: map[string]func(*visit) error{
		"POST /account/devices/key":    (*visit).deviceKey,
		"POST /account/devices":        (*visit).addDevice,
		"POST /account/devices/remove": (*visit).removeDevice,
		"POST /account/devices/test":   (*visit).testDevice,
	}}
}

// mayHear reports whether this person may be told of alerts on a device of theirs.
func (v *visit) mayHear() bool {
	return v.room.Alerts != nil && v.room.Vault.Offers(v.caller, strongroom.ActionReadAlerts)
}

// devices are the reader's own, where they may be told of alerts.
func (v *visit) devices() ([]alert.Channel, error) {
	if !v.mayHear() {
		return nil, nil
	}
	var mine []alert.Channel
	err := v.atDesk(func(desk *alert.Desk) (err error) {
		mine, err = desk.Devices(v.r.Context(), v.caller)
		return err
	})
	return mine, err
}

// deviceKey answers the key with which a browser subscribes.
func (v *visit) deviceKey() error {
	if err := readJSON(v.w, v.r, &struct{}{}); err != nil {
		return err
	}
	return v.atDesk(func(desk *alert.Desk) error {
		key, err := desk.DeviceKey(v.r.Context(), v.caller)
		if err != nil {
			return err
		}
		answerJSON(v.w, http.StatusOK, map[string]string{"key": key})
		return nil
	})
}

// addDevice takes a browser's subscription.
func (v *visit) addDevice() error {
	var said struct {
		Endpoint string `json:"endpoint"`
		P256dh   string `json:"p256dh"`
		Auth     string `json:"auth"`
	}
	if err := readJSON(v.w, v.r, &said); err != nil {
		return err
	}
	return v.atDesk(func(desk *alert.Desk) error {
		_, err := desk.AddDevice(v.r.Context(), v.caller, alert.Channel{
			URL: said.Endpoint, P256dh: said.P256dh, Auth: said.Auth, Language: alert.Language(v.page.Lang), Device: device(v.r.UserAgent()),
		})
		if err != nil {
			return err
		}
		answerJSON(v.w, http.StatusOK, map[string]string{"next": "/account?said=device.added"})
		return nil
	})
}

func (v *visit) removeDevice() error {
	err := v.atDesk(func(desk *alert.Desk) error {
		return desk.RemoveDevice(v.r.Context(), v.caller, v.r.PostFormValue("device"))
	})
	if err != nil {
		return err
	}
	return v.back("/account", "device.removed")
}

// testDevice sends a test alert to one device of the reader's.
func (v *visit) testDevice() error {
	name := v.r.PostFormValue("device")
	said := "device.untold"
	err := v.atDesk(func(desk *alert.Desk) error {
		mine, err := desk.Devices(v.r.Context(), v.caller)
		if err != nil {
			return err
		}
		for _, m := range mine {
			if m.Name != name {
				continue
			}
			_, told, err := desk.Test(v.r.Context(), v.caller, []string{name})
			for _, d := range told {
				if d.State == alert.Sent {
					said = "device.told"
				}
			}
			return err
		}
		return &strongroom.Error{Kind: strongroom.KindInvalid, Message: v.page.T("error.nowhere.message")}
	})
	if err != nil {
		return err
	}
	return v.back("/account", said)
}

var deviceWords = map[string]said{
	"device.title":   {"Alerts on your devices", "Alertes sur vos appareils"},
	"device.lead":    {"A message says that there is an alert and how severe it is, and nothing else; the rest is here, after log-on.", "Un message indique qu’il y a une alerte et sa gravité, rien de plus ; le reste est ici, après connexion."},
	"device.none":    {"No device of yours is told of alerts.", "Aucun de vos appareils n’est prévenu des alertes."},
	"device.add":     {"Tell this device", "Prévenir cet appareil"},
	"device.remove":  {"Tell it no more", "Ne plus le prévenir"},
	"device.test":    {"Try it", "Essayer"},
	"device.unable":  {"This browser takes no messages. On an iPhone or iPad, add Strongroom to the home screen first.", "Ce navigateur ne reçoit pas de messages. Sur iPhone ou iPad, ajoutez d’abord Strongroom à l’écran d’accueil."},
	"device.denied":  {"This browser keeps messages from this site back. Allow them in its settings.", "Ce navigateur bloque les messages de ce site. Autorisez-les dans ses réglages."},
	"device.channel": {"Channel", "Canal"},

	"said.device.added":   {"This device is told of alerts from now on.", "Cet appareil sera désormais prévenu des alertes."},
	"said.device.removed": {"The device is told no more.", "L’appareil n’est plus prévenu."},
	"said.device.told":    {"The push service took the test message. It shows on the device in a moment.", "Le service de messages a pris l’essai. Il s’affiche sur l’appareil dans un instant."},
	"said.device.untold":  {"The test message could not be handed over. Alerts has why.", "Le message d’essai n’a pas pu être remis. La page Alertes dit pourquoi."},
}
