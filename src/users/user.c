#include "users/user.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* local@domain: one "@", no blanks or control bytes, a domain with a dot inside (RFC 5321 is
 * wider). */
static bool email_holds(const char *text)
{
    const char *at = strchr(text, '@');
    if (!at || at == text || at - text > 64 || strchr(at + 1, '@'))
        return false;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("<>()[],;:\\\"", *c))
            return false;
    }
    const char *domain = at + 1, *dot = strchr(domain, '.');
    return dot && dot != domain && domain[strlen(domain) - 1] != '.' && !strstr(domain, "..");
}

static bool country_holds(const char *text)
{
    /* ISO 3166-1 alpha-2, officially assigned. */
    static const char codes[] = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE "
                                "BF BG BH BI BJ BL BM BN BO "
                                "BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO "
                                "CR CU CV CW CX CY CZ DE DJ "
                                "DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD "
                                "GE GF GG GH GI GL GM GN GP "
                                "GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ "
                                "IR IS IT JE JM JO JP KE KG "
                                "KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY "
                                "MA MC MD ME MF MG MH MK ML "
                                "MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
                                "NL NO NP NR NU NZ OM PA PE "
                                "PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB "
                                "SC SD SE SG SH SI SJ SK SL "
                                "SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN "
                                "TO TR TT TV TW TZ UA UG UM "
                                "US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";
    char code[4];
    snprintf(code, sizeof code, "%.2s ", text);
    return strlen(text) == 2 && isupper((unsigned char)text[0]) &&
           isupper((unsigned char)text[1]) && strstr(codes, code);
}

static bool digits_hold(const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}

static bool day_exists(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap);
}

/* "T00:00:00", a fraction of zeros, and "Z" or a zero offset: midnight UTC (RFC 3339). */
static bool midnight_holds(const char *text)
{
    if (strncasecmp(text, "T00:00:00", 9) != 0)
        return false;
    text += 9;
    if (*text == '.') {
        size_t zeros = strspn(text + 1, "0");
        if (zeros == 0)
            return false;
        text += 1 + zeros;
    }
    return strcasecmp(text, "Z") == 0 || strcmp(text, "+00:00") == 0 ||
           strcmp(text, "-00:00") == 0;
}

static bool birth_date_holds(const char *text)
{
    int year, month, day;
    if (strlen(text) < 10 || !digits_hold(text, 4) || text[4] != '-' ||
        !digits_hold(text + 5, 2) || text[7] != '-' || !digits_hold(text + 8, 2) ||
        sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3)
        return false;
    return day_exists(year, month, day) && (text[10] == '\0' || midnight_holds(text + 10));
}

/* Something to read: not blanks alone, no control characters. */
static bool name_holds(const char *text)
{
    bool visible = false;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
        visible |= *c != ' ';
    }
    return visible;
}

#define TEXT_MEMBER(member) offsetof(struct user, member), sizeof((struct user *)0)->member

const struct user_field user_fields[] = {
    {"firstName", TEXT_MEMBER(first_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"lastName", TEXT_MEMBER(last_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"userName", TEXT_MEMBER(user_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"email", TEXT_MEMBER(email), true, 254, email_holds,
     "an e-mail address such as ada@example.org, 254 characters at most"},
    {"countryId", TEXT_MEMBER(country_id), false, 2, country_holds,
     "a country's two-letter code in capitals (ISO 3166-1), such as PT"},
    {"birthDate", TEXT_MEMBER(birth_date), false, 32, birth_date_holds,
     "a date such as 1990-12-31, or a date-time at midnight UTC (RFC 3339)"},
};

const size_t user_fields_count = sizeof user_fields / sizeof *user_fields;

const struct user_field *user_field_find(const char *name)
{
    for (size_t i = 0; i < user_fields_count; i++) {
        if (strcmp(user_fields[i].name, name) == 0)
            return &user_fields[i];
    }
    return NULL;
}

static size_t characters_count(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

const char *user_field_check(const struct user_field *field, const char *text)
{
    bool holds = strlen(text) < field->size &&
                 characters_count(text) <= field->characters_max &&
                 (!field->holds || field->holds(text));
    return holds ? NULL : field->rule;
}
