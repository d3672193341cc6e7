#include "users/user.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A control character of Unicode (Cc): C0, DEL, or C1, which has two bytes in UTF-8. */
static bool is_control(const char *at)
{
    unsigned char byte = (unsigned char)*at;
    return byte < ' ' || byte == 0x7f || (byte == 0xc2 && (unsigned char)at[1] < 0xa0);
}

/* Words with single dots between them; `longest` of a word. Blanks and quotes have no place. */
static bool dotted_holds(const char *text, size_t length, size_t longest, const char *others)
{
    size_t word = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '.' && word == 0)
            return false;
        word = byte == '.' ? 0 : word + 1;
        if (word > longest || is_control(text + i) ||
            (byte < 0x80 && byte != '.' && !isalnum(byte) && !strchr(others, byte)))
            return false;
    }
    return word > 0;
}

/* Names of hosts: at least two, without a hyphen at an end of one (RFC 1123, section 2.1). */
static bool domain_holds(const char *text)
{
    return dotted_holds(text, strlen(text), 63, "-") && strchr(text, '.') && *text != '-' &&
           text[strlen(text) - 1] != '-' && !strstr(text, ".-") && !strstr(text, "-.");
}

/*
 * local@domain (RFC 5321, section 4.1.2) without quoted local parts and addresses of machines;
 * what is not ASCII is taken in both (RFC 6531).
 */
static bool email_holds(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at - text <= 64 &&
           dotted_holds(text, (size_t)(at - text), 64, "!#$%&'*+-/=?^_`{|}~") &&
           domain_holds(at + 1);
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
        if (is_control(c))
            return false;
        visible |= *c != ' ';
    }
    return visible;
}

const struct field user_fields[] = {
    {"firstName", FIELD_TEXT(struct user, first_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"lastName", FIELD_TEXT(struct user, last_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"userName", FIELD_TEXT(struct user, user_name), true, 100, name_holds,
     "a text of 1 to 100 characters without control characters"},
    {"email", FIELD_TEXT(struct user, email), true, 254, email_holds,
     "an e-mail address such as ada@example.org, 254 characters at most"},
    {"countryId", FIELD_TEXT(struct user, country_id), false, 2, country_holds,
     "a country's two-letter code in capitals (ISO 3166-1), such as PT"},
    {"birthDate", FIELD_TEXT(struct user, birth_date), false, 32, birth_date_holds,
     "a date such as 1990-12-31, or a date-time at midnight UTC (RFC 3339)"},
};

const size_t user_fields_count = sizeof user_fields / sizeof *user_fields;
