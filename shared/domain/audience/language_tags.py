"""A language as a provider names it: a tag of BCP 47, such as ``de``, ``pt-BR`` or ``zh-Hant``.

A device's locale is never refused; a tag that names nothing is, for nobody would ever match it.
What there is to name: the languages of ISO 639-1, of ISO 639-2 and those that systems are set to
(CLDR), by their shortest code; the scripts of ISO 15924; the territories of ISO 3166-1 and Kosovo,
and the areas of UN M.49.
"""

from pydantic_core import PydanticCustomError

from shared.domain.audience.locales import said_language


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES = _codes(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
    dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia
    id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo
    lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl
    ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
    tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu ace ach ada ady agq ain
    ale alt anp arn arp arw asa ast awa bal ban bas bej bem bez bgc bho bik bin bla blo bra brx bua
    bug byn cad car ccp ceb cgg chk chm chn cho chp chr chy ckb cnr crh csb dak dar dav del den dgr
    din dje doi dsb dua dyo dyu ebu efi eka ewo fan fat fil fon frr frs fur gaa gay gba gil gon gor
    grb gsw guz gwi hai haw hil hmn hsb hup iba ilo inh jgo jmc jpr jrb kaa kab kac kam kbd kde kea
    kgp kha khq kkj kln kmb kok kos kpe krc krl kru ksb ksf ksh kum kut kxv lad lag lah lam lez lij
    lkt lmo lol loz lrc lua lun luo lus luy mad mag mai mak man mas mdf mdr men mer mfe mgh mgo mhn
    mic min mnc mni moh mos mua mus mwl mwr myv mzn nap naq nds new nia niu nmg nnh nog nqo nso nus
    nym nyn nyo nzi osa pag pam pap pau pcm pon prg quc raj rap rar rif rof rom rup rwk sad sah saq
    sas sat sbp scn sco seh sel ses shi shn sid sma smj smn sms snk srn srr suk sus syr szl tem teo
    ter tet tig tiv tkl tli tmh tog tpi trv tsi tum tvl twq tyv tzm udm umb vai vec vmw vot vun wae
    wal war was xal xnr xog yao yap yav yrl yue zap zen zgh zun zza
    """
)
SCRIPTS = _codes(
    """
    adlm afak aghb ahom arab aran armi armn avst bali bamu bass batk beng bhks blis bopo brah brai
    bugi buhd cakm cans cari cham cher cirt copt cprt cyrl cyrs deva dsrt dupl egyd egyh egyp elba
    ethi geok geor glag goth gran grek gujr guru hanb hang hani hano hans hant hatr hebr hira hluw
    hmng hrkt hung inds ital jamo java jpan jurc kali kana khar khmr khoj kitl kits knda kore kpel
    kthi lana laoo latf latg latn leke lepc limb lina linb lisu loma lyci lydi mahj mand mani marc
    maya mend merc mero mlym modi mong moon mroo mtei mult mymr narb nbat newa nkgb nkoo nshu ogam
    olck orkh orya osge osma palm pauc perm phag phli phlp phlv phnx piqd plrd prti rjng roro runr
    samr sara sarb saur sgnw shaw shrd sidd sind sinh sora sund sylo syrc syre syrj syrn tagb takr
    tale talu taml tang tavt telu teng tfng tglg thaa thai tibt tirh ugar vaii visp wara wole xpeo
    xsux yiii
    """
)
TERRITORIES = _codes(
    """
    ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs
    bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee
    eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm
    hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc
    li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na
    nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw
    sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to
    tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw xk 001 002 003 005
    009 011 013 014 015 017 018 019 021 029 030 034 035 039 053 054 057 061 142 143 145 150 151 154
    155 202 419
    """
)


def known_tag(tag: str) -> str:
    """Return a well-formed tag in the usual case; refuse one whose parts nobody knows."""
    said = said_language(tag)
    known = (
        said.code in LANGUAGES
        and (not said.script or said.script in SCRIPTS)
        and (not said.territory or said.territory in TERRITORIES)
    )
    if not known:
        raise PydanticCustomError(
            "unknown_language", "must name a language that there is, such as de, pt-BR or zh-Hant"
        )
    code, *rest = tag.lower().split("-")
    return "-".join([code, *(it.title() if len(it) == 4 else it.upper() for it in rest)])
